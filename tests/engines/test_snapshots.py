"""Models that are downloaded when they are first asked for, from a hub that is a folder."""

import asyncio
import json
import logging
from contextlib import suppress

import pytest

from _llamagate.engines import snapshots
from _llamagate.engines.snapshots import describe
from _llamagate.errors import (
    EngineBusy,
    EngineFailed,
    EngineLacksModel,
    EngineRefused,
    EngineTimeout,
)
from tests.fakes.workshop import Workshop, make_model


@pytest.fixture
async def workshop(tmp_path):
    made = Workshop(tmp_path)
    yield made
    await made.close()


def store(workshop, token="", patience=30.0):
    return workshop.engine("*", token=token, timeout=patience)._snapshots


def downloads(place):
    asked = place / ".asked"
    return len(asked.read_text().splitlines()) if asked.exists() else 0


async def test_a_model_is_downloaded_once(workshop):
    place = workshop.on_hub("Org/Model-1B")
    found = await store(workshop).get("Org/Model-1B")
    assert found.talks and found.calls and not found.sees
    assert found.context == 512
    assert (found.folder / "model.safetensors").is_file()
    again = store(workshop)  # as after a restart
    assert await again.get("Org/Model-1B") == found
    assert await again.get("org/model-1b") == found
    assert await again.names() == ["Org/Model-1B"]
    assert downloads(place) == 1


async def test_only_weights_that_run_no_code_are_fetched_and_no_code(workshop):
    place = workshop.on_hub("org/m")
    for name in ("pytorch_model.bin", "modeling.py", "consolidated.safetensors", "onnx/model.onnx"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(b"x")
    (place / "tokenizer.model").write_bytes(b"x")
    found = await store(workshop).get("org/m")
    names = {file.name for file in found.folder.iterdir()}
    assert "tokenizer.model" in names and "config.json" in names
    assert not names & {"pytorch_model.bin", "modeling.py", "consolidated.safetensors", "onnx"}


async def test_those_who_ask_together_share_a_download(workshop):
    place = workshop.on_hub("org/m")
    found = store(workshop)
    one, two = await asyncio.gather(found.get("org/m"), found.get("org/m"))
    assert one == two
    assert downloads(place) == 1


async def test_a_download_goes_on_when_nobody_waits_any_more(workshop):
    place = workshop.on_hub("org/m")
    (place / ".slow").write_text("0.1")
    found = store(workshop)
    impatient = asyncio.ensure_future(found.get("org/m"))
    while not downloads(place):
        await asyncio.sleep(0.01)
    impatient.cancel()
    with suppress(asyncio.CancelledError):
        await impatient
    await found.get("org/m")
    assert downloads(place) == 1


async def test_its_progress_can_be_seen_and_is_logged(workshop, caplog):
    caplog.set_level(logging.INFO, "llamagate")
    place = workshop.on_hub("org/m")
    (place / "a.json").write_bytes(b" " * 1000)  # comes first, and is about half of it all
    (place / ".slow").write_text("0.4")
    found = store(workshop)
    waiting = asyncio.ensure_future(found.get("org/m"))
    seen = set()
    while not waiting.done():
        seen.update(found.activity)
        await asyncio.sleep(0.02)
    assert "org/m: to be downloaded" in seen
    shares = sorted(int(line.split()[2]) for line in seen if "downloading" in line)
    assert shares[0] == 0
    assert 40 < shares[1] < 60
    assert found.activity == []
    told = [record for record in caplog.records if record.message.startswith("download")]
    assert told[0].message == "downloading"
    assert told[-1].message == "download_finished"
    assert told[-1].bytes == sum(f.stat().st_size for f in (await waiting).folder.iterdir())


async def test_what_is_not_there_is_said_and_not_asked_again_at_once(workshop):
    found = store(workshop)
    with pytest.raises(EngineLacksModel, match="`org/none` is not on Hugging Face"):
        await found.get("org/none")
    workshop.on_hub("org/none")
    with pytest.raises(EngineLacksModel):
        await found.get("org/none")


async def test_a_gated_model_wants_a_token(workshop):
    place = workshop.on_hub("org/gated")
    (place / ".gated").touch()
    with pytest.raises(EngineRefused, match="HF_TOKEN") as refusal:
        await store(workshop).get("org/gated")
    assert refusal.value.http_status == 403
    assert await store(workshop, token="hf_good").get("org/gated")


async def test_weights_in_other_forms_are_refused(workshop):
    place = workshop.on_hub("org/old")
    (place / "model.safetensors").rename(place / "pytorch_model.bin")
    with pytest.raises(EngineRefused, match="no weights as safetensors"):
        await store(workshop).get("org/old")


async def test_what_does_not_fit_on_the_disk_is_not_begun(workshop):
    place = workshop.on_hub("org/huge")
    (place / ".model.safetensors.size").write_text(str(10**18))
    with pytest.raises(EngineFailed, match="needs 1000000000.0 GB more"):
        await store(workshop).get("org/huge")
    assert not downloads(place)


async def test_a_download_that_stands_still_is_given_up(workshop):
    place = workshop.on_hub("org/m")
    (place / ".slow").write_text("30")
    with pytest.raises(EngineTimeout, match=r"Nothing came of `org/m` for 0\.8 s"):
        await store(workshop, patience=0.8).get("org/m")


async def test_what_goes_wrong_otherwise_is_told_by_its_last_line(workshop):
    place = workshop.on_hub("org/m")
    (place / ".slow").write_text("no number")
    with pytest.raises(EngineFailed, match="could not be downloaded: ValueError: could not conv"):
        await store(workshop).get("org/m")


async def test_what_it_keeps_nobody_else_can_read(workshop):
    workshop.on_hub("org/m")
    found = await store(workshop).get("org/m")
    folder = workshop.folder / "data"
    kept = [folder, *folder.iterdir(), *found.folder.parents[2].iterdir(), found.folder]
    assert {oct(path.stat().st_mode & 0o077) for path in kept} == {"0o0"}


async def test_a_data_folder_that_cannot_be_written_to_is_said(workshop):
    workshop.on_hub("org/m")
    (workshop.folder / "data").write_text("a file")
    with pytest.raises(EngineFailed, match="cannot be kept in DATA_DIR: "):
        await store(workshop).get("org/m")


async def test_a_broken_note_is_none(workshop):
    place = workshop.on_hub("org/m")
    found = store(workshop)
    await found.get("org/m")
    (note,) = (workshop.folder / "data" / "complete").iterdir()
    note.write_text("{")
    again = store(workshop)
    assert await again.names() == []
    assert await again.get("org/m")
    assert downloads(place) == 2


async def test_not_everything_can_be_downloaded_at_once(workshop, monkeypatch):
    monkeypatch.setattr(snapshots, "_MOST_DOWNLOADS", 1)
    (workshop.on_hub("org/m") / ".slow").write_text("0.1")
    found = store(workshop)
    first = asyncio.ensure_future(found.get("org/m"))
    await asyncio.sleep(0.05)
    with pytest.raises(EngineBusy, match="has to wait"):
        await found.get("org/n")
    await first


async def test_closing_ends_a_download(workshop):
    place = workshop.on_hub("org/m")
    (place / ".slow").write_text("30")
    engine = workshop.engine("*")
    waiting = asyncio.ensure_future(engine._snapshots.get("org/m"))
    while not downloads(place):
        await asyncio.sleep(0.01)
    await engine.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_a_folder_without_a_configuration_is_no_model(tmp_path):
    with pytest.raises(EngineFailed, match=r"`mine` has no config\.json"):
        describe(tmp_path, "mine")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("chat_template.jinja", "{{ tools }}"),
        ("chat_template.json", json.dumps({"chat_template": "{{ tools }}"})),
        ("tokenizer_config.json", json.dumps({"chat_template": "{{ tools }}"})),
        (
            "tokenizer_config.json",
            json.dumps({"chat_template": [{"name": "tool_use", "template": "{{ tools }}"}]}),
        ),
    ],
)
def test_a_template_is_found_wherever_it_is(tmp_path, name, content):
    make_model(tmp_path, template="")
    assert not describe(tmp_path, "m").talks
    (tmp_path / name).write_text(content)
    found = describe(tmp_path, "m")
    assert found.talks and found.calls


def test_what_is_no_text_shows_in_the_files(tmp_path):
    make_model(tmp_path)
    inner = {"max_position_embeddings": 4096}
    (tmp_path / "config.json").write_text(json.dumps({"text_config": inner, "audio_config": {}}))
    (tmp_path / "preprocessor_config.json").write_text("{}")
    found = describe(tmp_path, "m")
    assert (found.sees, found.hears, found.context) == (True, True, 4096)
