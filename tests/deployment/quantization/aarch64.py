"""An aarch64 machine for a test: qemu, Debian's Python and LiteRT's aarch64 wheel.

Everything is downloaded into one folder; the system is left as it is.
"""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys

import pytest

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_PYTHON = "bookworm"  # its Python 3.11 has wheels of everything
_QEMU = "trixie"  # the one before runs into a segmentation fault in LiteRT
_LIBRARIES = (
    *("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libffi8"),
    *("liblzma5", "libbz2-1.0", "libpython3.11-minimal", "libpython3.11-stdlib"),
    "python3.11-minimal",
)
_WHEELS = ("ai-edge-litert", "numpy")
_PURE_WHEELS = ("flatbuffers", "tqdm", "typing-extensions")
_PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in (17, 26, 27, 28)]


class Aarch64:
    """Runs Python scripts as an aarch64 processor would.

    Args:
        folder: Where everything is put.

    Raises: pytest's skip, with the reason, if something cannot be had here.
    """

    def __init__(self, folder):
        if platform.machine() != "x86_64" or not os.path.exists(_KEYRING):
            pytest.skip("needs Debian on x86-64")
        for tool in ("apt-get", "dpkg-deb"):
            if shutil.which(tool) is None:
                pytest.skip(f"needs {tool}")
        self._folder = folder
        self._root = folder / "root"
        self._site = folder / "site"
        self._unpack("amd64", _QEMU, ["qemu-user"], folder / "qemu")
        self._unpack("arm64", _PYTHON, _LIBRARIES, self._root)
        self._install_wheels()

    def run(self, script, *arguments, processor="cortex-a72"):
        """Runs a script, a Path, and returns what it printed."""
        emulator = [self._folder / "qemu/usr/bin/qemu-aarch64", "-cpu", processor]
        emulator += ["-L", self._root, "-E", f"PYTHONPATH={self._site}"]
        python = self._root / "usr/bin/python3.11"
        return _checked([*emulator, python, script, *arguments], timeout=3600)

    def _unpack(self, architecture, release, packages, target):
        """Downloads Debian packages and unpacks them into a folder."""
        apt, debs = self._folder / f"apt-{architecture}", self._folder / architecture
        for path in (apt / "lists/partial", apt / "cache/archives/partial", debs):
            path.mkdir(parents=True)
        (apt / "status").touch()
        (apt / "sources.list").write_text(
            f"deb [signed-by={_KEYRING}] http://deb.debian.org/debian {release} main\n"
        )
        options = {
            "APT::Architecture": architecture,
            "APT::Architectures::": architecture,
            "APT::Sandbox::User": "",  # the folder is ours alone
            "Dir::Etc::SourceList": apt / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State": apt,
            "Dir::State::status": apt / "status",
            "Dir::Cache": apt / "cache",
        }
        command = ["apt-get", *(f"-o{key}={value}" for key, value in options.items())]
        _try("apt-get update", [*command, "update"], cwd=debs)
        _try("apt-get download", [*command, "download", *packages], cwd=debs)
        for deb in debs.glob("*.deb"):
            _checked(["dpkg-deb", "-x", deb, target])

    def _install_wheels(self):
        wanted = [f"{name}=={importlib.metadata.version(name)}" for name in _WHEELS]
        command = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet"]
        command += ["--only-binary=:all:", "--python-version", "3.11"]
        command += [f"--platform={name}" for name in _PLATFORMS]
        command += ["--target", self._site, *wanted, *_PURE_WHEELS]
        _try("pip install of aarch64 wheels", command)


def _try(what, command, **options):
    """Skips the test if a download fails."""
    try:
        _checked(command, **options)
    except AssertionError as error:
        pytest.skip(f"{what} failed: {str(error).strip().splitlines()[-1:]}")


def _checked(command, **options):
    run = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
