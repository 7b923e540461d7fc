"""Stand-in for Hugging Face's package `spaces` on ZeroGPU, without a GPU: each call has its own process.

It follows version 0.51 of that package in all that an app can notice:

* Functions with the decorator run in a forked process. Arguments and results are pickled on the way; changes
  of globals are lost; an error that is not Gradio's arrives as one whose text is the name of its class.
* Coroutines are refused. Generators are allowed, and yield as they go.
* Gradio's progress bar works across the processes.
* The device "cuda" is emulated in the main thread and in these processes. Elsewhere a move to it fails, and
  so does a run of a network that was moved to it.

It does nothing unless the variable SPACES_ZERO_GPU is set, like the original. With ZERO_GPU_LOG, it appends a
line per call to that file: name, duration, and number of bytes in and out.
"""

import functools
import inspect
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from multiprocessing.reduction import ForkingPickler

ACTIVE = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
DEFAULT_DURATION = 60
PROCESSES = multiprocessing.get_context("fork") if ACTIVE else multiprocessing
RPC_METHODS = ("set_progress", "log_message")

forked = False
decorated = {}


def GPU(task=None, *, duration=None, size=None):
    """Decorate a function, with or without arguments for the decorator."""
    if not callable(task):
        return functools.partial(_decorate, duration=duration if task is None else task)
    return _decorate(task, duration)


def _decorate(task, duration=None):
    if not ACTIVE:
        return task
    if task in decorated:
        return decorated[task]
    if inspect.iscoroutinefunction(task):
        raise TypeError("a coroutine cannot run in a process of its own")

    def stream(*args, **kwargs):
        seconds = duration(*args, **kwargs) if callable(duration) else duration
        yield from _run_in_process(task, seconds or DEFAULT_DURATION, args, kwargs)

    if inspect.isgeneratorfunction(task):
        handler = functools.wraps(task)(stream)
    else:

        @functools.wraps(task)
        def handler(*args, **kwargs):
            if forked:
                return task(*args, **kwargs)
            (value,) = stream(*args, **kwargs)
            return value

    decorated[task] = decorated[handler] = handler
    return handler


def _run_in_process(task, seconds, args, kwargs):
    """Yield the results of a task that runs in a process of its own."""
    import gradio as gr
    from gradio.context import LocalContext

    sent = bytes(ForkingPickler.dumps((args, kwargs)))  # raises what the original raises
    context = [(variable, variable.get(None)) for variable in _context_variables(LocalContext)]
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_work, args=(task, sent, pickle.dumps(context[0][1]), sender))
    process.start()
    sender.close()
    received = 0
    try:
        while True:
            try:
                message = receiver.recv_bytes()
            except EOFError:
                raise gr.Error("GPU task aborted", print_exception=False) from None
            received += len(message)
            kind, value = pickle.loads(message)
            if kind == "queue":
                blocks = LocalContext.blocks.get(None)
                getattr(blocks._queue, value[0])(*value[1], **value[2])
            elif kind == "value":
                yield value
            elif kind == "error":
                raise value if isinstance(value, gr.Error) else gr.Error(value, print_exception=False)
            else:
                return
    finally:
        receiver.close()
        process.join()
        _log(task, seconds, len(sent), received)


def _context_variables(context):
    return [context.event_id]


def _work(task, sent, event_id, sender):
    """Run a task in the new process."""
    global forked
    forked = True
    lock = threading.Lock()

    def send(kind, value=None):
        try:
            message = bytes(ForkingPickler.dumps((kind, value)))
        except Exception as error:  # what cannot be pickled raises anything
            message = pickle.dumps(("error", f"{type(error).__name__}: {error}"))
        with lock:
            sender.send_bytes(message)

    _patch_queue(send)

    def run():
        import gradio as gr
        from gradio.context import LocalContext

        LocalContext.event_id.set(pickle.loads(event_id))
        with _EMULATION():
            try:
                args, kwargs = pickle.loads(sent)
                result = task(*args, **kwargs)
                for value in result if inspect.isgenerator(result) else [result]:
                    send("value", value)
                send("end")
            except gr.Error as error:
                send("error", error)
            except Exception as error:
                import traceback

                traceback.print_exc()
                send("error", type(error).__name__)

    with ThreadPoolExecutor(1) as executor:  # as in the original: a new thread has an OpenMP pool of its own
        executor.submit(copy_context().run, run).result()
    sender.close()


def _patch_queue(send):
    """Have the calls of Gradio's queue happen in the server's process."""
    from gradio.helpers import TrackedIterable
    from gradio.queueing import Queue

    def forward(name):
        return lambda self, *args, **kwargs: send("queue", (name, args, kwargs))

    def reduce(self):
        kind, base, state, *_ = super(TrackedIterable, self).__reduce__()
        return kind, base, {**state, "iterable": None, "_tqdm": None}

    for name in RPC_METHODS:
        setattr(Queue, name, forward(name))
    TrackedIterable.__reduce__ = reduce


def _log(task, seconds, sent, received):
    path = os.environ.get("ZERO_GPU_LOG")
    if path:
        with open(path, "a", encoding="utf-8") as log:
            log.write(f"{task.__qualname__} {seconds} {sent} {received}\n")


def _emulate_cuda():
    """Return a mode of torch that puts what goes to "cuda" on the CPU; networks that go there are marked."""
    import torch
    from torch.overrides import TorchFunctionMode

    def on_cpu(value):
        is_cuda = isinstance(value, torch.device | str) and str(value).partition(":")[0] == "cuda"
        return torch.device("cpu") if is_cuda else value

    class Emulation(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func is torch.device:  # the name of the device stays
                return func(*args, **(kwargs or {}))
            changed = {key: on_cpu(value) for key, value in (kwargs or {}).items()}
            return func(*map(on_cpu, args), **changed)

    move, call = torch.nn.Module.to, torch.nn.Module.__call__

    def marked_move(self, *args, **kwargs):
        moved = move(self, *args, **kwargs)
        device = torch._C._nn._parse_to(*args, **kwargs)[0]
        if device is not None:
            for module in self.modules():
                module.is_on_zero_gpu = device.type == "cuda"
        return moved

    def checked_call(self, *args, **kwargs):
        if getattr(self, "is_on_zero_gpu", False) and not forked:
            raise RuntimeError("a network on the GPU is run outside of a function with the decorator GPU")
        return call(self, *args, **kwargs)

    torch.nn.Module.to, torch.nn.Module.__call__ = marked_move, checked_call
    return Emulation


if ACTIVE:
    _EMULATION = _emulate_cuda()
    _EMULATION().__enter__()  # of the main thread, until it ends
