"""The TFLite interpreter, as every part opens it."""

from ai_edge_litert.interpreter import Interpreter

from tf_sphereface.native_messages import native_messages_held_back


def open_interpreter(content: bytes, threads: int | None = None) -> Interpreter:
    """An interpreter for the content of a TFLite file, tensors not yet allocated.

    Args:
        content: Of the file.
        threads: Number of threads; None leaves it to the interpreter.

    Raises: ValueError or RuntimeError if the content is no TFLite model.
    """
    return Interpreter(model_content=content, num_threads=threads)


def allocate(interpreter: Interpreter) -> None:
    """Allocates tensors; the note that XNNPACK is in use does not reach the terminal.

    Raises: ValueError or RuntimeError if the model cannot run at its input shapes.
    """
    with native_messages_held_back():
        interpreter.allocate_tensors()
