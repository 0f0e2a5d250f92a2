#include "autograd/checkpoint.h"
#include "autograd/tape_text.h"
#include "core/io/text.h"
#include "tests/autograd/tape_nodes.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <algorithm>

using namespace swingrad;
using namespace swingrad::test;

namespace {

int64_t count_of(const std::string& text, std::string_view part) {
    int64_t count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

// Whether braces and brackets outside quoted texts close as they open, and every text ends.
bool is_balanced(const std::string& dot) {
    std::string open;
    bool text = false;
    for (size_t i = 0; i < dot.size(); ++i) {
        const char c = dot[i];
        if (text && c == '\\') ++i;
        else if (c == '"') text = !text;
        else if (!text && (c == '{' || c == '[')) open += c == '{' ? '}' : ']';
        else if (!text && (c == '}' || c == ']')) {
            if (open.empty() || open.back() != c) return false;
            open.pop_back();
        }
    }
    return open.empty() && !text;
}

// Saves part of a tensor, to see that memory is counted by the byte.
struct PartNode final : Node {
    Tensor part;
    std::string_view name() const override { return "part"; }
    std::vector<Saved> saved() const override { return {{"part", part}}; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {dy}; }
};
Tensor saving(const Tensor& x, const Tensor& part) {
    auto node = std::make_unique<PartNode>();
    node->part = part;
    return record(std::move(node), {x}, x.clone());
}

}  // namespace

TEST_CASE("bytes are printed in the unit that fits") {
    REQUIRE(bytes_text(0) == "0 B");
    REQUIRE(bytes_text(1023) == "1023 B");
    REQUIRE(bytes_text(1024) == "1.0 KiB");
    REQUIRE(bytes_text(1536) == "1.5 KiB");
    REQUIRE(bytes_text(1024 * 1024 - 1) == "1.0 MiB");
    REQUIRE(bytes_text(size_t{11} << 30) == "11.0 GiB");
}

TEST_CASE("what nodes share is counted once, and what exists anyway not at all") {
    const Tensor x = leaf({1, 2}, "x"), other = vector({0, 1, 2, 3, 4, 5});
    Tape tape;
    Tensor y = multiply(x, x);         // saves x twice: 16 bytes
    y = multiply(y, x);                // y is new
    y = saving(y, other.slice(0, 2));  // 16 bytes
    y = saving(y, other.slice(4, 6));  // 16, apart from those
    y = saving(y, other.slice(1, 5));  // overlaps both: 16 between them
    y = saving(y, other);              // nothing new
    const auto entries = tape.entries();
    const TapeMemory memory = memory_of(entries);
    REQUIRE(memory.added == std::vector<size_t>{16, 16, 16, 16, 16, 0});
    REQUIRE(memory.total == 80);
    REQUIRE(memory.is_new[0] == std::vector<bool>{true, false});
    REQUIRE(memory_of(entries, {x}).added == std::vector<size_t>{0, 16, 16, 16, 16, 0});
    REQUIRE(memory_of(entries, {x, other}).total == 16);
}

TEST_CASE("entries belong to the innermost scope that they are recorded in") {
    Tape tape;
    Tensor x = any(leaf({1}), {});
    {
        const Scope outer("layers.0");
        x = any(x, {});
        {
            const Scope inner("layers.0.blocks.1");
            x = any(x, {});
        }
        x = any(x, {});
    }
    x = any(x, {});
    std::vector<std::string> scopes;
    for (const TapeEntry& entry : tape.entries()) scopes.push_back(entry.scope);
    REQUIRE(scopes == std::vector<std::string>{"", "layers.0", "layers.0.blocks.1", "layers.0", ""});
}

TEST_CASE("the table has a line for every operation, with what it adds and the sum so far") {
    const Tensor x = leaf({1, 2}, "stem.x");
    Tape tape;
    const Scope scope("stem");
    const Tensor y = plus(multiply(x, vector({3, 4})), x);
    REQUIRE(tape_table(tape.entries(), {x}) ==
            "   #  operation  output  saves  so far  what   inputs\n"
            "stem\n"
            "   0  multiply   [2]      16 B    16 B  y (x)  x, constant [2]\n"
            "   1  plus       [2]              16 B         #0, x\n"
            "\n2 operations save 16 B (16 bytes); in brackets: in memory anyway, or counted above\n");
}

TEST_CASE("the graph has a box for every operation, an edge for every input, and texts that are safe to quote") {
    const Tensor x = leaf({1, 2}, "stem.\"x\" \\ {"), w = leaf({1, 1}, "layers.0.w");
    Tape tape;
    Tensor y;
    {
        const Scope scope("stem");
        y = multiply(x, x);
    }
    const Scope scope("layers.0");
    y = plus(y, w);
    const Tensor z = multiply(y, y);
    const std::string dot = tape_dot(tape.entries(), {x, w});
    REQUIRE(dot.starts_with("digraph tape {\n"));
    REQUIRE(is_balanced(dot));
    REQUIRE(count_of(dot, "subgraph cluster_") == 2);
    REQUIRE(dot.find("n1 [label=\"1  plus\\n[2]\"];") != std::string::npos);
    REQUIRE(dot.find("n2 [label=\"2  multiply\\n[2]\\nsaves 16 B\"];") != std::string::npos);
    REQUIRE(dot.find("\\\"x\\\" \\\\ {") != std::string::npos);
    REQUIRE(count_of(dot, "n0 -> n1 [label=\"[2]\"];") == 1);
    REQUIRE(count_of(dot, "n1 -> n2 [label=\"[2]\"];") == 2);
    REQUIRE(is_balanced(tape_dot({})));
}

TEST_CASE("a checkpoint is one operation of the tape") {
    const Tensor x = leaf({1, 2, 3}, "x");
    Tape tape;
    const Tensor y =
        checkpoint([](const std::vector<Tensor>& in) { return multiply(multiply(in[0], in[0]), in[0]); }, {x});
    const auto entries = tape.entries();
    REQUIRE(entries.size() == 1);
    REQUIRE(entries[0].name == "checkpoint");
    REQUIRE(memory_of(entries).total == 24);
}
