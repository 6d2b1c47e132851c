"""The command `sphereface export tflite`, as a script."""

import sys

from tf_sphereface.commands.main import main

if __name__ == "__main__":
    sys.exit(main(["export", "tflite", *sys.argv[1:]]))
