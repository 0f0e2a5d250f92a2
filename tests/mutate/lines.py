"""Which lines of a source file can be made wrong, and how: every mutant is one changed line."""
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    path: str
    number: int  # of the line, from 1
    kind: str
    before: str
    after: str

    def __str__(self):
        return f"{self.path}:{self.number} {self.kind}: {self.before.strip()}  ->  {self.after.strip()}"


# What no test could or should notice: declarations, messages, sizes of pieces of work, hints to the compiler.
LEFT_OUT = re.compile(
    r"^\s*(#|//|using |template|static_assert|namespace |struct |class |enum |public:|private:|case |\}|friend |"
    r"explicit |extern |INSTANTIATE|check\(|fail\(|throw |refuse)|"
    r"_a_piece|reserve\(|__launch_bounds__|fmt::format|string_view|assert\(|\"")


def blanked(line):
    """The line without what its comment and its strings say, of the same length."""
    def spaces(match):
        return " " * len(match.group(0))
    return re.sub(r"//.*", spaces, re.sub(r'"(?:\\.|[^"\\])*"', spaces, line))


def replaced(pattern, new, kind):
    """A way to make mutants: each match of `pattern` gives one, with new(match) in its place."""
    expression = re.compile(pattern)

    def mutate(line, text):
        for match in expression.finditer(text):
            yield kind, line[: match.start()] + new(match) + line[match.end():]
    return mutate


def swapped(pairs):
    table = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    return lambda match: match.group(0).replace(match.group(1), table[match.group(1)], 1)


def without_statement(line, text):
    assignment, call = r"[\w.\->\[\]()*+ :<>]+ [-+*/]?= .*;", r"[\w:.>\-]+\(.*\);"
    statement = re.match(rf"^(\s*(?:(?:if|for) \(.*\) )?)({assignment}|{call})\s*$", text)
    is_declaration = re.match(r"\s*(const |auto |[\w:<>]+[*&]? \w+ =)", text)
    if statement and not is_declaration and text.count("(") == text.count(")"):
        yield "statement left out", line[: statement.start(2)] + "{}"


def constants(match):
    value = match.group(0)
    return str(int(value) + 1) if value.isdigit() else str(float(value) * 1.1)


WAYS = [
    replaced(r"(?<=[\w)\]]) ([-+]) (?=[\w(])", swapped([("+", "-")]), "sign"),
    replaced(r"(?<=[\w)\]]) ([*/]) (?=[\w(])(?<!const \* )", swapped([("*", "/")]), "factor"),
    replaced(r" ([-+*])= ", lambda match: " = ", "sum begun anew"),
    replaced(r" (<|<=|>|>=) (?=[\w(\-])", swapped([("<", "<="), (">", ">=")]), "bound"),
    replaced(r" (==|!=) ", swapped([("==", "!=")]), "comparison"),
    replaced(r" (&&|\|\|) ", swapped([("&&", "||")]), "logic"),
    replaced(r"\b(min|max)(?=[(<])", swapped([("min", "max")]), "extreme"),
    replaced(r"(?<![\w.\[<\"])\d+(?:\.\d+)?(?![\w.>])", constants, "constant"),
    replaced(r"(?<=\[)([01])(?=\])", swapped([("0", "1")]), "index"),
    replaced(r"\b([ij])\b(?! =)", swapped([("i", "j")]), "index"),
    replaced(r"\b(rows|columns)\b(?! =)", swapped([("rows", "columns")]), "index"),
    replaced(r"\+\+(\w+)\)", lambda match: f"{match.group(1)} += 2)", "stride"),
    replaced(r"\bif \((?!constexpr)", lambda match: "if (!", "condition"),
    without_statement,
]


def mutants_of(path, text):
    """All mutants of a file. What stands in a gradient case proves something else, and is left out."""
    found = {}
    in_case = False
    for number, line in enumerate(text.split("\n"), 1):
        if re.match(r"// -+ .*gradient c", line, re.I) or "DeclareGradientCase" in line:
            in_case = True
        elif re.match(r"// ---- ", line):
            in_case = False
        if in_case or LEFT_OUT.search(line) or not line.startswith(" "):
            continue
        for way in WAYS:
            for kind, after in way(line, blanked(line)):
                if kind == "condition":
                    after = negated(line, after)
                if after and after != line:
                    found.setdefault((number, after), Mutant(path, number, kind, line, after))
    return list(found.values())


def negated(line, after):
    """`if (a && b)` with all of its condition negated; None where the condition goes on in the next line."""
    begin = line.index("if (") + 4
    depth = 1
    for at in range(begin, len(line)):
        depth += {"(": 1, ")": -1}.get(line[at], 0)
        if depth == 0:
            return None if ";" in line[begin:at] else f"{line[:begin]}!({line[begin:at]}){line[at:]}"
    return None


def sample(mutants, count, random):
    """So many of them; the kinds take turns, so that no kind crowds out the others."""
    by_kind = {}
    for mutant in mutants:
        by_kind.setdefault(mutant.kind, []).append(mutant)
    for same in by_kind.values():
        random.shuffle(same)
    chosen = []
    while len(chosen) < count and any(by_kind.values()):
        for kind in random.sample(sorted(by_kind), len(by_kind)):
            if by_kind[kind] and len(chosen) < count:
                chosen.append(by_kind[kind].pop())
    return chosen
