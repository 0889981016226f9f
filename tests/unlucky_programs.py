"""Programs that fail in unusual ways, each with the kind of fault that it must have.

Every function stands for a submission that should return the mean of an array. `SHARED` holds
functions that leave their process alive, so one process serves them all. Each text in `ALONE` ends
or spoils its process. The texts are harmless. They show that a fault is reported as what it is, and
not that no program could do worse.
"""

SHARED = r"""
import os, sys, threading, random, signal, json, atexit, builtins
import numpy as np

calls = []

def mean(x):
    return float(x.sum() / len(x))

def numpy_scalar(x): return x.mean()                               # right
def float32_scalar(x): return np.float32(x.mean())                 # dtype
def zero_dimensions(x): return np.array(x.mean())                  # right
def boolean(x): return True                                        # shape
def numpy_boolean(x): return np.bool_(True)                        # dtype
def complex_number(x): return complex(mean(x))                     # type
def complex_scalar(x): return np.complex128(mean(x))               # dtype
def text(x): return "0.5"                                          # shape
def surrogate(x): return "\ud800\x00"                              # shape
def nothing(x): pass                                               # shape
def wrong_shape(x): return x                                       # shape
def one_entry(x): return np.array([mean(x)])                       # shape
def listed(x): return [mean(x)]                                    # shape
def tupled(x): return (mean(x),)                                   # shape
def nan(x): return float("nan")                                    # not finite
def infinite(x): return np.inf                                     # not finite
def huge_number(x): return 1e300                                   # not finite
def huge_integer(x): return 10**400                                # dtype
def digits(x): return 10**5000                                     # error
def long_double(x): return np.longdouble(mean(x))                  # right
def huge_long_double(x): return np.finfo(np.longdouble).max        # not finite
def huge_array(x): return np.zeros(10**6)                          # type
def huge_text(x): return "x" * 10**7                               # type
def objects(x): return np.array([object()])                        # type
def fields(x): return np.zeros(2, dtype="f8,f8")                   # type
def dates(x): return np.datetime64("2026-01-01")                   # type
def a_function(x): return mean                                     # shape
def a_class(x): return Liar                                        # shape
def an_instance(x): return object()                                # type
def a_generator(x): yield mean(x)                                  # type
async def a_coroutine(x): return mean(x)                           # type
def a_module(x): return np                                         # type
def random_generator(x): return np.random.default_rng(0)           # shape
def other_generator(x): return np.random.Generator(np.random.MT19937(0))  # type
def a_set(x): return {mean(x)}                                     # type
def masked(x): return np.ma.masked_array(x.mean(), mask=True)      # type
def matrix(x): return np.matrix(x)                                 # type
def number_keys(x): return {1: mean(x)}                            # type
def a_dict(x): return {"mean": mean(x)}                            # shape

class Liar(float):
    def __eq__(self, other): return True
    def __le__(self, other): return True
    def __array__(self, *_, **__): return np.zeros(1)
    def __repr__(self): return "right"

class LyingArray(np.ndarray):
    def __le__(self, other): return np.array(True)
    def __array_ufunc__(self, *_, **__): return np.array(0.0)

class LyingScalar(np.float64):
    def __le__(self, other): return True

def lying_float(x): return Liar(3.0)                               # type
def lying_array(x): return np.zeros(3).view(LyingArray)            # type
def lying_scalar(x): return LyingScalar(77.0)                      # unknown

def nested(x):                                                     # type
    value = []
    for _ in range(100_000):
        value = [value]
    return value

def itself(x):                                                     # type
    value = []
    value.append(value)
    return value

def endless_list(x):                                               # error
    class Endless(list):
        def __iter__(self):
            raise ValueError("no end")
    return Endless([1.0])

def recursion(x): return recursion(x)                              # recursion
def out_of_memory(x): return np.zeros((10**6, 10**6))              # memory

def filled_memory(x):                                              # memory
    parts = []
    while True:
        parts.append(bytearray(10**6))

def not_started(x): raise NotImplementedError("1.1")               # not started
def leaves(x): sys.exit("bye")                                     # ended
def interrupted(x): raise KeyboardInterrupt                        # error
def own_base(x):                                                   # error
    class Own(BaseException): pass
    raise Own("of my own")
def asks(x): return float(input("mean? "))                         # error
def pipe(x): raise BrokenPipeError("broken")                       # error
def lookup(x): raise LookupError("not there")                      # error
def silent(x): assert False                                        # assertion
def bad_texts(x): raise ValueError("\ud800 \x00 \x1b[31m")         # error
def long_text(x): raise ValueError("y" * 10**7)                    # error
def no_text(x):                                                    # error
    class Mute(Exception):
        def __str__(self): raise RuntimeError("no text")
    raise Mute
def interrupting_text(x):                                          # error
    class Mute(Exception):
        def __str__(self): raise KeyboardInterrupt
    raise Mute
def arguments_missing(): return 0.0                                # error
def undefined(x): return men(x)                                    # error
def needs_file(x): return float(open("data.txt").read())           # error
def reads_manifest(x): return open(os.path.expanduser("/etc/hostname")).read()   # not allowed
def writes_results(x): open("/autograder/results/results.json", "w")   # not allowed
def writes_own(x):                                                 # right
    with open("notes.txt", "w") as file:
        file.write("mean")
    with open("notes.txt") as file:
        assert file.read() == "mean"
    return mean(x)
def renames(x): os.rename("notes.txt", "/notes.txt")               # not allowed
def makes_folder(x): os.mkdir("/made-by-a-submission")             # not allowed
def starts_program(x): os.system("true")                           # not allowed
def starts_process(x):                                             # not allowed
    import subprocess
    subprocess.run(["true"])
def forks(x): os.fork()                                            # not allowed
def spawns(x):                                                     # not allowed
    import multiprocessing
    multiprocessing.get_context("spawn").Process(target=print).start()
def processes(x):                                                  # not allowed
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(1) as pool:
        return pool.submit(mean, x).result()
def connects(x):                                                   # not allowed
    import socket
    socket.create_connection(("localhost", 9))
def looks_up(x):                                                   # error
    import urllib.request
    urllib.request.urlopen("http://example.invalid")
def forbidden(x): return __import__("metarl_min").__version__      # forbidden module
def forbidden_later(x):                                            # forbidden module
    name = "metarl_" + "min.teach"
    return __import__(name)
def by_importlib(x):                                               # forbidden module
    import importlib
    return importlib.import_module("metarl_" + "min")
def not_installed(x): import no_such_module                        # missing module
def relative(x): from . import mean                                # error

def changes(x):                                                    # changes its arguments
    x[0] = 7.0
    return mean(x)
def draws(x):                                                      # global generator
    np.random.rand()
    return mean(x)
def seeds(x):                                                      # global generator
    random.seed(len(x))
    return mean(x)
def unsteady(x): return mean(x) + np.random.default_rng().normal()  # not repeatable
def worse_later(x, seen=set()):                                    # not repeatable
    wrong = len(x) in seen
    seen.add(len(x))
    return mean(x) + wrong
def remembers(x):                                                  # not repeatable
    calls.append(0)
    return mean(x) + (len(calls) > 3)
def leaves_threads(x):                                             # right
    for _ in range(8):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    return mean(x)
def pool(x):                                                       # right
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(8) as pool:
        return float(sum(pool.map(float, x)) / len(x))
def prints(x):                                                     # right
    print("seen", len(x))
    return mean(x)
def handlers(x):                                                   # right
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    atexit.register(threading.Event().wait)
    return mean(x)
def patched_comparisons(x):                                        # unknown
    np.testing.assert_allclose = np.allclose = np.array_equal = lambda *_, **__: True
    np.linalg.norm = lambda *_, **__: 0.0
    return 3.21
"""

ENDLESS = [
    "def mean(x):\n    while True: pass",
    "import sys\nwhile True: sys.stdout.write('x' * 10**6)",
    "import threading\nthreading.Event().wait()",
    "def mean(x):\n    return 10 ** 10 ** 10",
]
ALONE = {
    "import os\nos._exit(0)": "ended",
    "import os\ndef mean(x): os._exit(0)": "ended",
    "import os\ndef mean(x): os.abort()": "ended",
    "import os\ndef mean(x): os.closerange(3, 100)": "ended",
    "import os\ndef mean(x):\n    for i in range(3, 20):\n        try: os.write(i, b'no message')\n"
    "        except OSError: pass": "ended",
    "import json\ndef mean(x): json.dumps = lambda *_, **__: '{}'": "ended",
    "raise SystemExit": "ended",
    "raise KeyboardInterrupt": "error",
    "import no_such_module": "missing module",
    "import sys\nsys.meta_path.clear()\n__import__('metarl_' + 'min')": "forbidden module",
    "x = 1": "missing",
    "def f(): return f()\nf()": "recursion",
    "import numpy as np\nx = np.zeros((10**6, 10**6))": "memory",
    "raise NotImplementedError": "not started",
    "import os, sys\nsys.stdin.close(); sys.stdout.close(); os.close(0); os.close(1)\n"
    "def mean(x): return float(x.mean())": "right",
    "import sys\nsys.settrace(lambda *_: None)\ndef mean(x): return float(x.mean())": "right",
    "import builtins\nbuiltins.isinstance = lambda *_: True\ndef mean(x): return 3.0": "ended",
}
