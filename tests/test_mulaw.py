import numpy as np
import pytest

from mtcrnn.audio.mulaw import MuLaw
from mtcrnn.core.errors import InputError


@pytest.mark.parametrize("channels", [64, 128, 256, 512, 1024])
def test_encode_inverts_decode_for_every_code(channels):
    codec, codes = MuLaw(channels), np.arange(channels)
    assert (codec.encode(codec.decode(codes)) == codes).all()


@pytest.mark.parametrize("channels", [64, 256, 1024])
def test_decode_is_the_closed_form_inverse(channels):
    mu = channels - 1
    y = 2 * np.arange(channels) / mu - 1
    expected = np.sign(y) * ((1 + mu) ** np.abs(y) - 1) / mu  # ITU-T G.711's expansion
    decoded = MuLaw(channels).decode(np.arange(channels))
    np.testing.assert_allclose(decoded, expected, atol=1e-6)
    assert decoded[0] == -1.0
    assert decoded[-1] == 1.0
    assert (np.diff(decoded) > 0).all()


def test_encode_takes_the_nearest_code_in_the_companded_domain():
    codec, mu = MuLaw(256), 255
    x = np.linspace(-1, 1, 20001)
    companded = np.sign(x) * np.log(1 + mu * np.abs(x)) / np.log(1 + mu)
    centres = 2 * np.arange(256) / mu - 1
    nearest = np.abs(companded[:, None] - centres).argmin(axis=1)
    ties = np.isclose(np.abs(companded - centres[nearest]), 1 / mu, rtol=1e-9)
    assert (codec.encode(x) == nearest)[~ties].all()


def test_out_of_range_is_clipped_and_networks_read_0_to_1():
    codec = MuLaw(256)
    assert codec.encode([-7.0, 7.0]).tolist() == [0, 255]
    assert codec.divisor == 255
    assert abs(codec.decode(codec.silence)) < 1e-3


def test_too_few_codes():
    with pytest.raises(InputError, match="`mulaw_channels` is 1; it must be 2 to 65536"):
        MuLaw(1)
