#include "autograd/tape_text.h"

#include "core/io/text.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

namespace swingrad {
namespace {

// Stretches of memory, each byte once.
class Stretches {
  public:
    // How many bytes of [begin, end) were not there yet.
    size_t add(size_t begin, size_t end) {
        size_t added = end - begin, low = begin, high = end;
        // Every stretch that overlaps or touches the new one becomes part of it.
        for (auto at = stretches_.upper_bound(end); at != stretches_.begin();) {
            const auto [old_begin, old_end] = *--at;
            if (old_end < begin) break;
            added -= std::min(old_end, end) - std::max(old_begin, begin);
            low = std::min(low, old_begin), high = std::max(high, old_end);
            at = stretches_.erase(at);
        }
        stretches_[low] = high;
        return added;
    }
    size_t add(const Tensor& tensor) {
        if (!tensor.defined() || tensor.bytes() == 0) return 0;
        const auto begin = reinterpret_cast<size_t>(tensor.address());
        return add(begin, begin + tensor.bytes());
    }

  private:
    std::map<size_t, size_t> stretches_;  // end by begin, apart from each other
};

// A leaf's name within its scope.
std::string name_within(const std::string& leaf, const std::string& scope) {
    const bool inside = !scope.empty() && leaf.starts_with(scope + ".");
    return inside ? leaf.substr(scope.size() + 1) : leaf;
}

std::string leaf_text(const TapeEntry::Input& input, const std::string& scope) {
    return input.leaf.empty() ? fmt::format("leaf {}", input.shape) : name_within(input.leaf, scope);
}

// ---- table

// What an entry takes in: numbers of entries, names of leaves, shapes of constants.
std::string inputs_text(const TapeEntry& entry) {
    std::vector<std::string> texts;
    for (const auto& input : entry.inputs)
        if (input.node != TapeEntry::no_node) texts.push_back(fmt::format("#{}", input.node));
        else texts.push_back(input.is_leaf ? leaf_text(input, entry.scope) : fmt::format("constant {}", input.shape));
    return fmt::format("{}", fmt::join(texts, ", "));
}

// The names of what it saves; in brackets what is in memory anyway.
std::string saved_text(const TapeEntry& entry, const std::vector<bool>& is_new) {
    std::vector<std::string> added, known;
    for (size_t i = 0; i < entry.saved.size(); ++i) (is_new[i] ? added : known).emplace_back(entry.saved[i].name);
    std::string text = fmt::format("{}", fmt::join(added, ", "));
    if (!known.empty()) text += fmt::format("{}({})", text.empty() ? "" : " ", fmt::join(known, ", "));
    return text;
}

// ---- graph

// A text between quotation marks in DOT, its lines centred.
std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (c == '\n') result += "\\n";
        else result += c;
    }
    return result + "\"";
}

std::string operation_text(const TapeEntry& entry, size_t added) {
    std::string text = fmt::format("{}  {}\n{}", entry.number, entry.name, entry.shape);
    if (added > 0) text += fmt::format("\nsaves {}", bytes_text(added));
    return text;
}

// The box of one operation, and beside it a small one that lists its leaves, another with its constants.
std::string boxes(const TapeEntry& entry, size_t added) {
    std::string text = fmt::format("    n{} [label={}];\n", entry.number, quoted(operation_text(entry, added)));
    std::string leaves, constants;
    for (const auto& input : entry.inputs) {
        if (input.node != TapeEntry::no_node) continue;
        if (input.is_leaf)
            leaves += fmt::format("{}{} {}", leaves.empty() ? "" : "\n", leaf_text(input, entry.scope), input.shape);
        else constants += fmt::format("{}constant {}", constants.empty() ? "" : "\n", input.shape);
    }
    static constexpr char small[] =
        "    {0}{1} [label={2}, fontsize=8, color=grey70, fontcolor=grey40, fillcolor=grey97];\n"
        "    {{rank=same; {0}{1} -> n{1} [color=grey70, arrowsize=0.5];}}\n";
    if (!leaves.empty()) text += fmt::format(small, "leaves", entry.number, quoted(leaves));
    if (!constants.empty()) text += fmt::format(small, "constants", entry.number, quoted(constants));
    return text;
}

}  // namespace

TapeMemory memory_of(const std::vector<TapeEntry>& entries, const std::vector<Tensor>& existing) {
    Stretches held;
    for (const Tensor& tensor : existing) held.add(tensor);
    TapeMemory memory;
    for (const TapeEntry& entry : entries) {
        memory.added.push_back(0);
        memory.is_new.emplace_back();
        for (const Saved& saved : entry.saved) {
            const size_t bytes = held.add(saved.tensor);
            memory.added.back() += bytes;
            memory.is_new.back().push_back(bytes > 0);
        }
        memory.total += memory.added.back();
    }
    return memory;
}

std::string tape_table(const std::vector<TapeEntry>& entries, const std::vector<Tensor>& existing) {
    const TapeMemory memory = memory_of(entries, existing);
    std::vector<std::array<std::string, 7>> rows{{"#", "operation", "output", "saves", "so far", "what", "inputs"}};
    std::array<size_t, 7> widths{};
    size_t so_far = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
        const TapeEntry& entry = entries[i];
        so_far += memory.added[i];
        rows.push_back({std::to_string(entry.number), entry.name, entry.shape.text(),
                        memory.added[i] > 0 ? bytes_text(memory.added[i]) : "", bytes_text(so_far),
                        saved_text(entry, memory.is_new[i]), inputs_text(entry)});
    }
    for (const auto& row : rows)
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());

    std::string text;
    for (size_t i = 0; i < rows.size(); ++i) {
        const auto& row = rows[i];
        if (i > 0 && !entries[i - 1].scope.empty() && (i == 1 || entries[i - 1].scope != entries[i - 2].scope))
            text += entries[i - 1].scope + "\n";
        text += fmt::format("{:>{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}  {:<{}}  {}\n", row[0],
                            std::max<size_t>(widths[0], 4), row[1], widths[1], row[2], widths[2], row[3], widths[3],
                            row[4], widths[4], row[5], widths[5], row[6]);
    }
    text += fmt::format("\n{} operations save {} ({} bytes); in brackets: in memory anyway, or counted above\n",
                        entries.size(), bytes_text(memory.total), memory.total);
    return text;
}

std::string tape_dot(const std::vector<TapeEntry>& entries, const std::vector<Tensor>& existing) {
    const TapeMemory memory = memory_of(entries, existing);
    std::string text =
        "digraph tape {\n"
        "    graph [fontname=\"Helvetica\", fontsize=11, nodesep=0.25, ranksep=0.3];\n"
        "    node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"Helvetica\", fontsize=10, "
        "margin=\"0.1,0.05\", height=0.2];\n"
        "    edge [fontname=\"Helvetica\", fontsize=8, fontcolor=grey40, arrowsize=0.7];\n";
    for (size_t i = 0; i < entries.size(); ++i) {
        const bool framed = !entries[i].scope.empty();
        if (framed && (i == 0 || entries[i].scope != entries[i - 1].scope))
            text +=
                fmt::format("    subgraph cluster_{} {{\n    label={}; labeljust=l; color=steelblue; style=rounded;\n",
                            i, quoted(entries[i].scope));
        text += boxes(entries[i], memory.added[i]);
        if (framed && (i + 1 == entries.size() || entries[i].scope != entries[i + 1].scope)) text += "    }\n";
    }
    size_t before = 0;  // how many entries precede the group
    for (size_t i = 0; i < entries.size(); ++i) {
        const TapeEntry& entry = entries[i];
        if (i > 0 && entries[i].scope != entries[i - 1].scope) before = i;
        bool has_source = false;
        for (const auto& input : entry.inputs) has_source |= input.node != TapeEntry::no_node;
        // What begins in a group is drawn below the group before it, not beside.
        if (!has_source && before > 0)
            text += fmt::format("    n{} -> n{} [style=invis];\n", entries[before - 1].number, entry.number);
        for (const auto& input : entry.inputs)
            if (input.node != TapeEntry::no_node)
                text +=
                    fmt::format("    n{} -> n{} [label={}];\n", input.node, entry.number, quoted(input.shape.text()));
    }
    return text + "}\n";
}

}  // namespace swingrad
