"""TA-Lib's C, timed on request for `indicators.rs`: its functions are called directly in the wheel's shared library.

    python talib_c.py FOLDER ROWS

FOLDER holds one file of little-endian float64 per input column. The first lines on stdout say what there is, one
function a line: name, input columns, parameters with their defaults; then an empty line. After that each line on
stdin is a request and gets one line back:
    load NAME      calls the function once, writes its outputs to FOLDER/theirs.N; answers how many there are
    time CALLS     calls it again that often into the same outputs; answers nanoseconds of processor time of one call
"""

import ctypes
import sys
import time
from pathlib import Path

import numpy as np
import talib
from talib import abstract

REAL, INTEGER = ctypes.c_double, ctypes.c_int
# Functions whose domain prices are not in, or whose values leave it: they get where in its range a bar closed.
SHARE = {"ACOS", "ASIN", "COSH", "EXP", "SINH", "TANH"}


class Parameter(ctypes.Structure):
    """The head of TA_OptInputParameterInfo. Kinds 0 and 1 are real, 2 and 3 whole numbers."""

    _fields_ = [("kind", INTEGER), ("name", ctypes.c_char_p)]


class Output(ctypes.Structure):
    """The head of TA_OutputParameterInfo. Kind 0 is real, 1 whole numbers."""

    _fields_ = [("kind", INTEGER), ("name", ctypes.c_char_p)]


def library():
    folder = Path(talib.__file__).resolve().parent.parent / "ta_lib.libs"
    found = ctypes.CDLL(str(next(folder.glob("libta-lib*"))))
    if found.TA_Initialize() != 0:
        raise SystemExit("TA-Lib does not start")
    return found


def about(lib, what, kind, function, at):
    handle, found = ctypes.c_void_p(), ctypes.POINTER(kind)()
    lib.TA_GetFuncHandle(function.encode(), ctypes.byref(handle))
    getattr(lib, what)(handle, ctypes.c_uint(at), ctypes.byref(found))
    return found.contents.kind


def inputs(function):
    if function in SHARE:
        return ["share"]
    names = []
    for value in abstract.Function(function).info["input_names"].values():
        names += [value] if isinstance(value, str) else value
    return names


class Call:
    """One function with its defaults, its inputs and room for its outputs."""

    def __init__(self, lib, function, columns):
        self.function = getattr(lib, f"TA_{function}")
        info = abstract.Function(function).info
        rows = len(next(iter(columns.values())))
        defaults = list(info["parameters"].values())
        real = [about(lib, "TA_GetOptInputParameterInfo", Parameter, function, at) < 2 for at in range(len(defaults))]
        optional = [REAL(value) if is_real else INTEGER(int(value)) for value, is_real in zip(defaults, real)]
        whole = [about(lib, "TA_GetOutputParameterInfo", Output, function, at) == 1 for at in range(len(info["output_names"]))]
        self.outputs = [np.zeros(rows, np.int32 if integer else np.float64) for integer in whole]
        self.inputs = [columns[name] for name in inputs(function)]
        self.begin, self.count = INTEGER(), INTEGER()
        pointers = [ctypes.c_void_p(column.ctypes.data) for column in self.inputs + self.outputs]
        cut = len(self.inputs)
        places = [ctypes.byref(self.begin), ctypes.byref(self.count)]
        self.arguments = [INTEGER(0), INTEGER(rows - 1), *pointers[:cut], *optional, *places, *pointers[cut:]]

    def __call__(self):
        if self.function(*self.arguments) != 0:
            raise SystemExit(f"{self.function.__name__} fails")

    def write(self, folder):
        begin, count = self.begin.value, self.count.value
        for at, column in enumerate(self.outputs):
            shifted = np.full(len(column), np.nan)
            shifted[begin : begin + count] = column[:count]
            shifted.astype("<f8").tofile(folder / f"theirs.{at}")
        return len(self.outputs)

    def timed(self, calls):
        start = time.thread_time_ns()
        for _ in range(calls):
            self.function(*self.arguments)
        return (time.thread_time_ns() - start) // calls


def main():
    folder, rows = Path(sys.argv[1]), int(sys.argv[2])
    columns = {file.stem: np.fromfile(file, "<f8") for file in folder.glob("*.column")}
    assert all(len(column) == rows for column in columns.values())
    lib = library()
    for function in sorted(talib.get_functions()):
        parameters = abstract.Function(function).info["parameters"].items()
        print(function.lower(), ",".join(inputs(function)), ";".join(f"{k}={v}" for k, v in parameters), sep="\t")
    print(flush=True)
    call = None
    for line in sys.stdin:
        request, argument = line.split()
        if request == "load":
            call = Call(lib, argument.upper(), columns)
            call()
            print(call.write(folder), flush=True)
        else:
            print(call.timed(int(argument)), flush=True)


if __name__ == "__main__":
    main()
