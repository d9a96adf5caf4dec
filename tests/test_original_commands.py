"""The quick start of the original's manual on its real data, as written but for sizes and step counts."""

import shutil
import zipfile

import numpy as np
import pytest
import soundfile

from helpers import SHARED, needs_real_data
from mtcrnn.compat.commands import generate_main, train_main

D = "RegularPopsRandomPitch_16k"
NET = ["--hidden_size", "8", "--n_layers", "4", "--prop", "rate", "--cond_size", "1", "--gen_size", "1"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    zipfile.ZipFile(SHARED / "data" / f"{D}.zip").extractall()
    shutil.copy(SHARED / "data" / "rateglide.npy", tmp_path)
    return tmp_path


@needs_real_data
def test_the_original_s_quick_start(here, capsys):
    train = ["--batch_size", "4", "--param_dir", D, "--data_dir", D, "--seq_len", "64", "--output_dir", "pops"]
    train += ["--num_steps", "3", "--checkpoint", "3", "--tfr", "0.9"]
    assert train_main([*NET, *train]) == 0, capsys.readouterr().err
    generate = ["--batch_size", "1", "--seq_len", "3001", "--length", "3000", "--param_dir", D, "--data_dir", D]
    generate += ["--generate", "audio", "--model_dir", "output/pops/model", "--step", "3", "--paramvect", "external"]
    generate += ["--sample_rate", "16000", "--external_array", "rateglide.npy", "--external_sr", "100", "--rand_prime"]
    for name in ("glide", "again"):
        assert generate_main([*NET, *generate, "--out", name, "--save", "--rand_seed", "7"]) == 0
    info = soundfile.info("glide.wav")
    assert (info.frames, info.samplerate, info.subtype) == (3000, 16000, "PCM_24")
    assert np.load("glide.npy").shape == (1, 3000, 1)
    assert (here / "glide.wav").read_bytes() == (here / "again.wav").read_bytes()
    assert train_main([*NET, *train, "--model_dir", "pops/model", "--step", "3"]) == 0
    assert (here / "output" / "pops" / "model" / "model_6").is_dir()
