# SPDX-License-Identifier: Apache-2.0
"""Inside the namespaces: builds the collection, installs it, and runs its tests and those of this folder."""

import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
COLLECTION = HERE.parent / "cimbus/cim"


def main():
    build, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    sys.path[:0] = [str(HERE), str(ROOT / "Tests/Scripts")]
    import stage
    stage.BUILD, stage.FOLDER = build, folder
    (folder / "ansible.cfg").touch()
    os.environ.update(stage.environment())
    galaxy = [str(pathlib.Path(sys.executable).parent / "ansible-galaxy"), "collection"]
    subprocess.run([*galaxy, "build", COLLECTION, "--output-path", folder], check=True, stdout=subprocess.DEVNULL)
    package = next(folder.glob("cimbus-cim-*.tar.gz"))
    subprocess.run(
        [*galaxy, "install", "--offline", package, "--collections-path", folder / "collections"], check=True, stdout=subprocess.DEVNULL)
    sys.path.insert(0, str(folder / "collections"))
    if sys.argv[3:]:
        suite = unittest.TestLoader().loadTestsFromNames(sys.argv[3:])
    else:
        suite = unittest.TestSuite(unittest.TestLoader().discover(str(place)) for place in (COLLECTION / "tests/unit", HERE))
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
