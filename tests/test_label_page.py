"""The page of `mtcrnn label` in a real browser: marks, drawn curves, undo, and all of it again after a reload."""

import json

import numpy as np
import pytest

from live_driver import command
from mtcrnn.data.params import ParamFile
from test_labelling import write_recordings

driver = pytest.importorskip("page_driver", reason="playwright is not installed", exc_type=ImportError)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(driver.CHROMIUM is None, reason="no Chromium here (Debian: apt install chromium)"),
]

WIDE, NARROW = (1280, 1200), (400, 1200)


@pytest.fixture
def folder(tmp_path):
    return write_recordings(tmp_path / "sounds")


def labels(folder):
    return json.loads((folder / "mtcrnn-labels.json").read_text())


def marks(page, name="rage"):
    return page.evaluate(f"mtcrnn.state.parameters.find(({{name}}) => name === '{name}').marks")


def add(page, name="rage"):
    page.fill("#new-name", name)
    page.click("#add button")
    driver.wait_for(page, f"mtcrnn.state.parameters.some((one) => one.name === '{name}')")


def place(page, seconds):
    """Put the cursor somewhere, without hearing it."""
    page.evaluate(f"mtcrnn.timeline.set({seconds})")
    page.focus("#timeline")


def point(page, seconds, share, lane="curve"):
    """Where a place and a height in the curve's lane are on the screen."""
    return page.evaluate(f"""(() => {{
        const {{ timeline }} = mtcrnn, box = timeline.canvas.getBoundingClientRect();
        const y = "{lane}" === "curve" ? timeline.y({share}, {{ low: 0, high: 1 }}) : 40;
        return [box.left + timeline.x({seconds}), box.top + y];
    }})()""")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_marks_curves_undo_and_a_reload(size, folder, tmp_path):
    with (
        command(tmp_path / "state", "label", str(folder), "--no-browser") as (_, address),
        driver.opened(address, *size) as page,
    ):
        faults = driver.faults_of(page)
        add(page)
        for k, (seconds, digit) in enumerate(((1, "0"), (7, "9"), (9, "9"), (15, "0"))):
            place(page, seconds)
            page.keyboard.press(digit)
            driver.wait_for(page, f"mtcrnn.state.parameters[0].marks.length === {k + 1}")
        assert [(m["recording"], m["at"], m["value"]) for m in marks(page)] == [
            ("a.wav", 1, 0),
            ("a.wav", 7, 1),
            ("b.wav", 1, 1),
            ("b.wav", 7, 0),
        ]
        values = page.evaluate("[...mtcrnn.timeline.curves[0].values]")
        assert len(values) == 64
        assert np.corrcoef(values[:32], np.arange(32))[0, 1] > 0.9
        assert np.corrcoef(values[32:], np.arange(32))[0, 1] < -0.9
        assert "4 marks; what the others say of each is" in page.inner_text("#learned")
        assert "What is rage at" in page.inner_text("#question")

        page.mouse.click(*point(page, 4, 0.5))  # in the curve's lane
        driver.wait_for(page, "mtcrnn.state.parameters[0].marks.length === 5")
        assert marks(page)[-1]["value"] == pytest.approx(0.5, abs=0.02)

        page.focus("#timeline")
        page.keyboard.press("d")
        page.mouse.move(*point(page, 10, 0.2))
        page.mouse.down()
        for k in range(1, 11):
            page.mouse.move(*point(page, 10 + 0.2 * k, 0.2 + 0.05 * k))
        page.mouse.up()
        driver.wait_for(page, "mtcrnn.state.parameters[0].corrections.length === 1")
        drawn = page.evaluate("[...mtcrnn.timeline.curves[0].values].slice(41, 48)")
        np.testing.assert_allclose(drawn, np.linspace(0.2, 0.7, 9)[1:-1], atol=0.06)
        page.keyboard.press("d")

        page.keyboard.press("Control+z")
        driver.wait_for(page, "mtcrnn.state.parameters[0].corrections.length === 0")
        page.keyboard.press("Control+Shift+Z")
        driver.wait_for(page, "mtcrnn.state.parameters[0].corrections.length === 1")
        place(page, 4)
        page.keyboard.press("Delete")
        driver.wait_for(page, "mtcrnn.state.parameters[0].marks.length === 4")

        before = labels(folder)
        assert len(before["parameters"][0]["corrections"]) == 1
        shown = page.evaluate("[...mtcrnn.timeline.curves[0].values]")
        page.reload()
        page.wait_for_selector("#play:enabled")
        assert page.evaluate("[...mtcrnn.timeline.curves[0].values]") == shown
        assert labels(folder) == before
        assert page.is_enabled("#undo")
        page.click("#write")
        driver.wait_for(
            page, "document.getElementById('written').textContent.startsWith('wrote rage for 2 recordings')"
        )
        assert not faults
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert page.evaluate(fits)
    curve = ParamFile.read(folder / "b.params").params["rage"]
    np.testing.assert_allclose(curve.values, shown[32:], rtol=1e-4, atol=1e-4)


def test_hearing_selecting_and_leaving_out(folder, tmp_path):
    with (
        command(tmp_path / "state", "label", str(folder), "--no-browser") as (_, address),
        driver.opened(address, *WIDE) as page,
    ):
        faults = driver.faults_of(page)
        add(page)
        page.mouse.click(*point(page, 2, 0.5, "waveform"))
        driver.wait_for(page, "mtcrnn.timeline.playhead > 2.2")
        page.focus("#timeline")
        page.keyboard.press(" ")
        driver.wait_for(page, "mtcrnn.timeline.playhead === null")
        page.keyboard.press("q")
        driver.wait_for(page, "mtcrnn.timeline.playhead !== null")
        asked = page.evaluate("mtcrnn.state.parameters[0].question")
        assert page.evaluate("mtcrnn.timeline.cursor") == asked["at"] + (0 if asked["recording"] == "a.wav" else 8)

        page.mouse.move(*point(page, 3, 0, "waveform"))
        page.mouse.down()
        page.mouse.move(*point(page, 5, 0, "waveform"), steps=4)
        page.mouse.up()
        page.focus("#timeline")
        page.keyboard.press("s")
        driver.wait_for(page, "'a.wav' in mtcrnn.state.skip")
        ((first, last),) = page.evaluate("mtcrnn.state.skip['a.wav']")
        assert (first, last) == pytest.approx((3, 5), abs=0.05)
        page.keyboard.press("5")
        driver.wait_for(page, "mtcrnn.state.parameters[0].marks.length === 1")
        (mark,) = marks(page)
        assert (mark["at"], mark["until"]) == pytest.approx((3, 5), abs=0.05)
        page.keyboard.press("s")  # back in
        driver.wait_for(page, "!('a.wav' in mtcrnn.state.skip)")
        before = page.evaluate("mtcrnn.timeline.view.seconds")
        page.keyboard.press("+")
        assert page.evaluate("mtcrnn.timeline.view.seconds") == before / 2
        page.keyboard.press("PageDown")
        assert page.evaluate("mtcrnn.timeline.cursor") == 8
        assert not faults


def test_two_pages_and_names_that_are_script(folder, tmp_path):
    nasty = "<img/src=x/onerror=alert(1)>"
    with (
        command(tmp_path / "state", "label", str(folder), "--no-browser") as (_, address),
        driver.opened(address, *WIDE) as page,
    ):
        faults = driver.faults_of(page)
        other = page.context.browser.new_page()
        other.goto(address)
        other.wait_for_selector("#play:enabled")
        add(page, nasty.replace("=", ":"))
        driver.wait_for(other, "mtcrnn.state.parameters.length === 1")
        driver.wait_for(other, "document.getElementById('status').textContent.startsWith('2 pages label')")
        assert not page.query_selector("#parameters img")
        add(other)
        place(page, 1)  # a mark by the page that has not heard of that yet: it is told, and sees both
        page.keyboard.press("5")
        driver.wait_for(page, "mtcrnn.state.parameters.length === 2")
        add(page, "a")
        page.fill("#new-name", "a")
        page.click("#add button")
        driver.wait_for(page, "document.getElementById('status').textContent.includes(\"parameter 'a' already\")")
        allowed = [line for line in faults if "409" not in line]
        assert not allowed


def test_the_map_of_the_axes(folder, tmp_path):
    with (
        command(tmp_path / "state", "label", str(folder), "--no-browser", "--axes", "2") as (_, address),
        driver.opened(address, *WIDE) as page,
    ):
        faults = driver.faults_of(page)
        driver.wait_for(page, "mtcrnn.map?.across.length === 64")
        box = page.evaluate("mtcrnn.map.canvas.getBoundingClientRect().toJSON()")
        x, y = page.evaluate(f"mtcrnn.map.place(10, {{ width: {box['width']}, height: {box['height']} }})")
        page.mouse.move(box["x"] + x, box["y"] + y)
        driver.wait_for(page, "mtcrnn.timeline.playhead !== null")
        page.mouse.click(box["x"] + x, box["y"] + y)
        moment = page.evaluate("mtcrnn.map.heard")
        assert moment >= 0
        assert page.evaluate("mtcrnn.timeline.cursor") == pytest.approx(moment / 4)  # 32 of 8 s each
        page.click("#write")
        driver.wait_for(page, "document.getElementById('written').textContent.startsWith('wrote axis1, axis2')")
        assert not faults
    assert set(ParamFile.read(folder / "a.params").params) == {"axis1", "axis2"}
