# Commands for gdb, stopped inside an emulated kernel:   (gdb) source cuda/emulator/gdb.py
#
#   cuda threads        the threads of the current block: which run, which wait and where
#   cuda backtrace N    the stack of thread N of the block, counted through, which waits
#   cuda print N EXPR   an expression in that thread, in the kernel's frame
import gdb

EMULATOR = "swingrad::cuda::emulator::"


def running_block():
    block = gdb.parse_and_eval(EMULATOR + "running_block")
    if int(block) == 0:
        raise gdb.GdbError("this thread of the program runs no kernel")
    return block.dereference()


def elements(array):
    return array["_M_elems"]  # of a std::array


class Registers:
    """Puts gdb into a thread that waits, by setting the registers that the jump to its fiber would set, and back."""

    # As Boost.Context's jump_fcontext saves them on x86-64: eight bytes each from the context's address on, the first
    # of them for the floating-point modes. The stack goes on behind them.
    SAVED = ["r12", "r13", "r14", "r15", "rbx", "rbp", "rip"]

    def __init__(self, block, thread):
        fiber = int(elements(block["threads"])[thread]["fiber"])
        self.context = int(elements(block["fibers_"])[fiber]["context"])

    def __enter__(self):
        gdb.newest_frame().select()
        self.before = {name: int(gdb.parse_and_eval("(unsigned long)$" + name)) for name in self.SAVED + ["rsp"]}
        word = gdb.lookup_type("unsigned long").pointer()
        values = [int(gdb.Value(self.context + 8 * (i + 1)).cast(word).dereference()) for i in range(len(self.SAVED))]
        self.set(dict(zip(self.SAVED, values), rsp=self.context + 8 * (len(self.SAVED) + 1)))

    def __exit__(self, *_):
        gdb.newest_frame().select()  # in an older frame, setting a register would change the stack
        self.set(self.before)

    @staticmethod
    def set(values):
        for name, value in values.items():
            gdb.execute("set $%s = %d" % (name, value))


def describe(thread):
    state = str(thread["state"]).split("::")[-1]
    if state not in ("at_barrier", "in_warp_operation"):
        return state.replace("_", " ")
    site = thread["site"]
    return "waits in %s at %s:%d" % (thread["operation"].string(), site["file"].string().split("/")[-1], int(site["line"]))


def show_threads(block):
    count, current = int(block["count"]), int(block["current"])
    texts = [describe(elements(block["threads"])[i]) for i in range(count)]
    first = 0
    for i in range(1, count + 1):
        if i == count or texts[i] != texts[first]:
            mark = "   <- thread %d is where gdb stopped" % current if first <= current < i else ""
            print("%4d to %4d  %s%s" % (first, i - 1, texts[first], mark))
            first = i


def inside(block, number, action):
    if number == int(block["current"]):
        return action()  # it runs: gdb is there already
    if describe(elements(block["threads"])[number]) in ("not started", "returned"):
        raise gdb.GdbError("thread %d has no stack: it has %s" % (number, describe(elements(block["threads"])[number])))
    with Registers(block, number):
        action()


def print_in_kernel(expression):
    frame = gdb.newest_frame()
    while frame and not (frame.name() or "").split("<")[0].endswith("_kernel"):
        frame = frame.older()
    if not frame:
        raise gdb.GdbError("no frame of this thread is a kernel's")
    frame.select()
    gdb.execute("print " + expression)


class Cuda(gdb.Command):
    def __init__(self):
        super().__init__("cuda", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        words = argument.split(None, 2)
        block = running_block()
        if words == ["threads"]:
            show_threads(block)
        elif len(words) == 2 and words[0] == "backtrace":
            inside(block, int(words[1]), lambda: gdb.execute("backtrace"))
        elif len(words) == 3 and words[0] == "print":
            inside(block, int(words[1]), lambda: print_in_kernel(words[2]))
        else:
            raise gdb.GdbError("usage: cuda threads | cuda backtrace N | cuda print N EXPRESSION")


Cuda()
