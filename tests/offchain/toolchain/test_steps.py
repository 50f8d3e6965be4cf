"""The setup as a whole: steps run once, a failure is told and retried, Ctrl-C and two setups at once are survived."""

import io
import json
import os
import sys
from pathlib import Path

import pytest

from node.network.toolchain import steps as setup
from node.network.toolchain.contracts import artifact_of, forget_stale_builds, is_ours
from node.network.toolchain.failures import SetupError
from node.network.toolchain.layout import Layout
from node.network.toolchain.progress import Progress
from node.network.toolchain.python_packages import announces_a_package, count_packages
from node.network.toolchain.work import Work


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(root=tmp_path)


def one_step(layout: Layout, command: str) -> setup.Step:
    """A step that runs a line of shell in the root and should leave a file `made`."""
    return setup.Step(
        name="step",
        title="A step",
        inputs=(layout.root / "input",),
        outputs=(layout.root / "made",),
        run=lambda work: print(work.run("sh", "-c", command)),
    )


def test_set_up_skips_a_step_when_nothing_changed(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "steps", lambda layout: (one_step(layout, "echo x >> made"),))
    assert [setup.set_up(layout), setup.set_up(layout)] == [1, 0]
    (layout.root / "input").write_text("new")
    assert setup.set_up(layout) == 1
    (layout.root / "made").unlink()
    assert setup.set_up(layout) == 1


def test_set_up_repeats_a_step_when_it_failed(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "steps", lambda layout: (one_step(layout, "touch made; echo ENOSPC; exit 3"),))
    for _ in range(2):
        with pytest.raises(SetupError, match="disk is full"):
            setup.set_up(layout)


def test_run_names_the_command_when_it_is_not_installed(layout: Layout) -> None:
    work = Work(layout=layout, name="x", progress=Progress("Node", io.StringIO()))
    with pytest.raises(SetupError, match="the command no-such-tool is not installed"):
        work.run("no-such-tool")


def test_run_counts_lines_and_keeps_them_in_the_log(layout: Layout) -> None:
    work = Work(layout=layout, name="pip", progress=Progress("Python packages", io.StringIO()))
    said = work.run("printf", "Collecting a\nDownloading a\nCollecting b\n", counts=announces_a_package)
    assert work.progress.count == 2
    assert said in (layout.log / "pip.txt").read_text()


def test_progress_shows_a_bar_when_the_total_is_known() -> None:
    progress = Progress("geth", io.StringIO())
    assert progress.line().startswith("geth 0 s")
    progress.total, progress.count = 4, 9  # more lines than were expected
    assert progress.line().startswith("geth [########################] 4/4")


def test_progress_writes_plain_lines_when_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with pytest.raises(SetupError), Progress("geth", stream):
        raise SetupError("no")
    assert stream.getvalue() == "geth ...\ngeth: stopped after 0 s\n"


def test_count_packages_counts_names_not_hashes() -> None:
    assert count_packages("# head\na==1 \\\n    --hash=sha256:00==\nb-c==2 ; sys_platform == 'win32' \\\n") == 2


def test_main_prints_usage_when_it_gets_arguments(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as ended:
        setup.main(["--force"])
    assert ended.value.code == 2
    assert capsys.readouterr().out.startswith("usage:")


def test_main_ends_with_one_sentence_when_the_disk_is_full(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Layout) -> int:
        raise OSError(28, "No space left on device", "/x/.till/stamps")

    monkeypatch.setattr(setup, "set_up", full)
    with pytest.raises(SystemExit) as ended:
        setup.main([])
    assert ended.value.code == "Setup stopped. No space left on device: /x/.till/stamps."


def test_every_step_of_this_checkout_has_its_own_name() -> None:
    names = [step.name for step in setup.steps(Layout.here())]
    assert len(names) == len(set(names))
    assert names[0] == "python"  # the rest is installed with it


def test_artifact_of_refuses_a_contract_when_it_is_too_large_to_deploy() -> None:
    compiled = {"contractName": "Big", "sourcePath": "contracts/Big.sol", "abi": [], "deployedBytecode": "00" * 24_577}
    with pytest.raises(SetupError, match="Big is 24577 bytes"):
        artifact_of(compiled)


def test_forget_stale_builds_removes_what_was_built_from_a_file_that_is_gone(layout: Layout) -> None:
    build = layout.root / "build" / "contracts"
    build.mkdir(parents=True)
    (layout.root / "A.sol").write_text("")
    (build / "A.json").write_text('{"allSourcePaths": {"0": "A.sol"}}')
    (build / "B.json").write_text('{"allSourcePaths": {"0": "A.sol", "1": "Gone.sol"}}')
    forget_stale_builds(layout)
    assert [file.name for file in build.iterdir()] == ["A.json"]


def test_forget_stale_builds_removes_what_is_made_of_a_file_that_has_changed_since(layout: Layout) -> None:
    build, root = layout.root / "build" / "contracts", layout.root
    build.mkdir(parents=True)
    (root / "Maker.sol").write_text('import {Made} from "./Made.sol";\n')
    (root / "Made.sol").write_text('import "./Words.sol" as W;\nimport {\n    A,\n    B\n} from "./Parts.sol";\n')
    for name in ("Words.sol", "Parts.sol", "Other.sol"):
        (root / name).write_text("")
    for changed in ("Words.sol", "Parts.sol", "Made.sol", "Maker.sol"):
        for name in ("Maker", "Other"):
            (build / f"{name}.json").write_text(json.dumps({"allSourcePaths": {"0": f"{name}.sol"}}))
        forget_stale_builds(layout)
        assert len(list(build.iterdir())) == 2
        later = (build / "Maker.json").stat().st_mtime_ns + 1
        os.utime(root / changed, ns=(later, later))
        forget_stale_builds(layout)
        assert [file.name for file in build.iterdir()] == ["Other.json"]


def test_forget_stale_builds_removes_an_interface_when_what_it_inherits_has_changed(layout: Layout) -> None:
    build, sources = layout.root / "build" / "interfaces", layout.root / "interfaces"
    for folder in (build, sources):
        folder.mkdir(parents=True)
    (sources / "IChild.sol").write_text('import {IParent} from "./IParent.sol";\n')
    for name in ("IParent", "IOther"):
        (sources / f"{name}.sol").write_text("")
    for name in ("IChild", "IParent", "IOther", "IGone"):
        (build / f"{name}.json").write_text("{}")
    later = (build / "IChild.json").stat().st_mtime_ns + 1
    os.utime(sources / "IParent.sol", ns=(later, later))
    os.utime(build / "IParent.json", ns=(later, later))
    forget_stale_builds(layout)
    assert sorted(file.stem for file in build.iterdir()) == ["IOther", "IParent"]


def test_is_ours_leaves_libraries_out() -> None:
    assert is_ours({"sourcePath": "interfaces/IRegistry.sol"})
    assert not is_ours({"sourcePath": "node_modules/@openzeppelin/contracts/token/ERC20/ERC20.sol"})


def test_the_entry_refuses_another_python() -> None:
    program = (Layout.here().root / "node/network/toolchain/__main__.py").read_text()
    as_old = program.replace("sys.version_info[:2] != WANTED", "True")
    with pytest.raises(SystemExit, match=r"Setup needs Python 3\.11 and this is Python 3\.\d+; install it"):
        exec(compile(as_old, "__main__.py", "exec"), {"sys": sys})
