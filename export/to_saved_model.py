"""The command `sphereface export saved-model`, as a script."""

import sys

from tf_sphereface.commands.main import main

if __name__ == "__main__":
    sys.exit(main(["export", "saved-model", *sys.argv[1:]]))
