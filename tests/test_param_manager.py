import numpy as np
import pytest

from helpers import tone_set
from mtcrnn.compat import paramManager
from mtcrnn.core.errors import InputError


def test_the_original_s_names_work(tmp_path):
    tone_set(tmp_path / "data", files=2)
    manager = paramManager(str(tmp_path / "data"), str(tmp_path / "params"))
    manager.initParamFiles()
    wavs = manager.getFullPathNames(str(tmp_path / "data"))
    assert [name[-9:] for name in wavs] == ["tone0.wav", "tone1.wav"]
    for name in wavs:
        manager.addParam(name, "fill", [0, 1], [0.2, 0.8], units="norm")
    manager.addMetaParam("tone0.wav", "author", "me")
    assert manager.checkIntegrity() is True
    params = manager.getParams("tone0.wav")
    assert params["meta"] == {"filename": "tone0.wav", "author": "me"}
    assert params["fill"]["units"] == "norm"
    assert manager.getParamNames(wavs[0]) == ["fill"]
    assert manager.getParamSize(wavs[0], "fill") == 2
    assert manager.resampleParam(params, "fill", 4).tolist() == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert manager.resampleParam(params, "fill", 2, 0.5, 3.0).tolist() == pytest.approx([0.5, 0.8])
    assert manager.resampleAllParams(params, 5).shape == (5, 1)
    slow = np.sin(np.linspace(0, 3, 100))[None, :, None]
    assert manager.resample(slow, 100, 200).shape == (1, 200, 1)
    one = paramManager(wavs[0], str(tmp_path / "params"))
    assert one.getParamNames(wavs[0]) == ["fill"]


def test_problems_are_errors(tmp_path):
    tone_set(tmp_path / "data", files=1)
    manager = paramManager(str(tmp_path / "data"), str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"tone0\.wav has no param file.*1 problems in all"):
        manager.checkIntegrity()
    with pytest.raises(InputError, match="nix: no such wav"):
        manager.getParams("nix")
    with pytest.raises(InputError, match="no parameter 'x'; there are a"):
        manager.resampleParam({"meta": {}, "a": {}}, "x", 3)
