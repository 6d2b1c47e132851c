"""The command `sphereface export onnx`, as a script."""

import sys

from tf_sphereface.commands.main import main

if __name__ == "__main__":
    sys.exit(main(["export", "onnx", *sys.argv[1:]]))
