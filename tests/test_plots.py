import matplotlib.image
import numpy as np
import pytest

from helpers import write_params, write_wav
from mtcrnn.errors import InputError
from mtcrnn.plots import plot_files
from mtcrnn.runlog import RunLog


def test_sound_and_curves_share_a_picture(tmp_path):
    wav = write_wav(tmp_path / "a.wav", 0.5 * np.sin(np.arange(16000)), 16000)
    params = write_params(tmp_path / "b.params", rate=([0, 1], [0, 1]))
    np.save(tmp_path / "c.npy", np.linspace(0, 1, 100))
    out = plot_files([wav, params, tmp_path / "c.npy"], external_sr=100)
    assert out == tmp_path / "a.png"
    four, two = matplotlib.image.imread(out), matplotlib.image.imread(plot_files([wav], tmp_path / "x.png"))
    assert four.shape[0] > two.shape[0]
    assert four.shape[1] == two.shape[1]
    assert four[..., :3].std() > 0.05  # something is drawn


def test_losses_of_a_run(tmp_path):
    with RunLog(tmp_path, "{}") as log:
        for step in (10, 20):
            log.add(step, {"loss": 1 / step, "samples_per_s": 100.0, "held_out": 0.2})
    assert plot_files([tmp_path]) == tmp_path / "losses.png"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"x", r"a\.txt: cannot draw this"),
        ("a.npy", b"x", r"a\.npy is no plain \.npy array"),
        ("traininglog.txt", b"x", r"traininglog\.txt is no training log"),
        ("gone.wav", None, r"gone\.wav: no such file"),
        ("a.wav", b"x", r"a\.wav cannot be read as a wav"),
    ],
)
def test_what_cannot_be_drawn(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        plot_files([tmp_path / name], external_sr=1)
    assert not list(tmp_path.glob("*.png"))


def test_arrays_need_their_rate_and_losses_stand_alone(tmp_path):
    np.save(tmp_path / "c.npy", np.zeros(5))
    with pytest.raises(InputError, match="--external_sr"):
        plot_files([tmp_path / "c.npy"])
    with RunLog(tmp_path, "{}") as log:
        log.add(1, {"loss": 1.0, "samples_per_s": 1.0})
    with pytest.raises(InputError, match="do not share an axis"):
        plot_files([tmp_path, tmp_path / "c.npy"], external_sr=1)
