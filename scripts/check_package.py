"""Build the package, install the wheel alone in a new environment, and start an application there.

Needs a package index. Leaves nothing behind.
"""

from __future__ import annotations

import collections.abc as cabc
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "flask_social"


def files_of_package() -> set[str]:
    """Every file that belongs into the wheel, relative to the project."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def missing_from(archive: cabc.Iterable[str]) -> list[str]:
    """The files of the package that an archive lacks, sorted."""
    return sorted(files_of_package() - set(archive))


def run(*command: str | pathlib.Path, cwd: pathlib.Path) -> None:
    """Run a command without our own modules on its path; a failure shows what it printed and ends the script."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout.decode(errors='replace')}\n{command[0]} ended with status {done.returncode}")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="flask-social-") as name:
        folder = pathlib.Path(name)
        # The wheel is built from the source distribution: so that one is known to be complete too.
        run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
        (wheel,) = folder.glob("*.whl")
        (source,) = folder.glob("*.tar.gz")
        with zipfile.ZipFile(wheel) as archive:
            lacking = missing_from(archive.namelist())
        with tarfile.open(source) as archive:
            lacking += missing_from(member.partition("/")[2] for member in archive.getnames())
        if lacking:
            sys.exit("These files are missing from the package:\n  " + "\n  ".join(lacking))
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        run(python, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check", wheel, cwd=folder)
        run(python, "-m", "pip", "check", "--disable-pip-version-check", cwd=folder)
        run(python, "-I", ROOT / "scripts" / "smoke.py", cwd=folder)
        print("The wheel alone starts an application with the memory store and shows its login page.")
        print(f"{wheel.name}: {wheel.stat().st_size // 1024} KiB, {source.name}: {source.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
