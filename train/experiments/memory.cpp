// What checkpointed blocks and sequential attention save, and what they cost. Memory is what the allocator has handed
// out at once (core/allocator.h), which is the same on every machine; time is the machine's.

#include "core/allocator.h"
#include "core/io/text.h"
#include "core/threads.h"
#include "train/experiments/harness/timed_pass.h"
#include "train/loop/device.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

struct Technique {
    const char* name;
    bool checkpoint_blocks, sequential_attention;
};

constexpr std::array techniques{Technique{"neither", false, false}, Technique{"checkpointing", true, false},
                                Technique{"sequential", false, true}, Technique{"both", true, true}};
constexpr double paper_slowdown = 30;  // percent fewer images a second, at most; section 3.5

struct Plan {
    SwinConfig model;
    std::vector<int64_t> images;  // rows and columns in pixels
    int timed_steps;
};

// The window grows with the image, as in the paper (8 at 256 pixels, 32 at 1536): here it is half the map of the first
// stage, so that the largest image has windows whose scores outweigh all else.
Plan plan_of(bool quick) {
    Plan plan{named_config("nano"), {64, 128, 256, 384}, 3};
    if (quick) {
        plan.model.embed_dim = 16;
        plan.model.depths = {1, 1};
        plan.model.num_heads = {1, 2};
        plan.images = {64, 128};
        plan.timed_steps = 1;
    }
    return plan;
}

SwinConfig config_of(const Plan& plan, int64_t image, const Technique& technique) {
    SwinConfig config = plan.model;
    config.img_size = {image, image};
    const int64_t window = image / config.patch_size.rows / 2;
    for (Extent& one : config.window_size) one = {window, window};
    config.checkpoint_blocks = technique.checkpoint_blocks;
    config.sequential_attention = technique.sequential_attention;
    return config;
}

// ---- one cell

// The peak of a forward and a backward pass over one image, less the weights, their gradients and the image, which the
// techniques do not touch. An optimiser's memory is not in it either.
json measure(const SwinConfig& config, const ExperimentSettings& settings, int timed_steps) {
    const Device device = choose_device(settings.device);
    TimedPass pass(config, 1, settings);
    pass.take();  // what is made on first use
    release_cached(device);
    const size_t held = memory_statistics(device).live;
    reset_peak(device);
    pass.take();
    const size_t peak = memory_statistics(device).peak;
    std::vector<double> seconds;
    for (int i = 0; i < timed_steps; ++i) {
        stop_if_interrupted();
        seconds.push_back(pass.take());
    }
    return {{"held_bytes", held}, {"step_bytes", peak - held}, {"seconds", median(seconds)}};
}

// ---- what is made of them

struct Row {  // an image size
    int64_t image;
    std::vector<json> results;  // one a technique

    size_t bytes(size_t technique) const { return results[technique].at("step_bytes").get<size_t>(); }
    double seconds(size_t technique) const { return number_of(results[technique], "seconds"); }
    // Percent fewer images a second than with neither technique.
    double slowdown(size_t technique) const { return 100 * (1 - seconds(0) / seconds(technique)); }
};

std::vector<ResultTable> tables_of(const std::vector<Row>& rows) {
    std::vector<std::string> columns{"image", "tokens in a window"};
    for (const Technique& technique : techniques) columns.emplace_back(technique.name);
    ResultTable bytes{"Memory of a training step", columns, {}}, time{"Time of a training step", columns, {}};
    for (const Row& row : rows) {
        const int64_t window = row.image / 8;
        std::vector<std::string> of_bytes{fmt::format("{0} x {0}", row.image), std::to_string(window * window)};
        std::vector<std::string> of_time = of_bytes;
        for (size_t i = 0; i < techniques.size(); ++i) {
            of_bytes.push_back(bytes_text(row.bytes(i)));
            of_time.push_back(fmt::format("{:.3f} s", row.seconds(i)));
            if (i > 0)
                of_bytes.back() +=
                    fmt::format(" ({:.2f})", static_cast<double>(row.bytes(i)) / static_cast<double>(row.bytes(0)));
            if (i > 0) of_time.back() += fmt::format(" ({:+.0f} %)", -row.slowdown(i));
        }
        bytes.rows.push_back(of_bytes);
        time.rows.push_back(of_time);
    }
    time.rows.push_back({"paper", "-", "-", fmt::format("(-{:.0f} % at most)", paper_slowdown), "(little)", "-"});
    bytes.note =
        "The most that was in use at once in forward and backward of one image, less weights, gradients and the "
        "image; in brackets the share of what is needed with neither technique. The paper gives no bytes.";
    time.note =
        "The median of a few steps on this machine; in brackets how many more or fewer images a second that is.";
    return {bytes, time};
}

std::vector<NamedFigure> figures_of(const std::vector<Row>& rows) {
    Figure bytes{"Memory of a training step", "pixels of a side", "MiB", {}, true, true};
    Figure time{"Time of a training step", "pixels of a side", "seconds", {}, true, true};
    for (size_t i = 0; i < techniques.size(); ++i) {
        Series of_bytes{techniques[i].name, {}, {}}, of_time = of_bytes;
        for (const Row& row : rows) {
            of_bytes.x.push_back(static_cast<double>(row.image));
            of_bytes.y.push_back(static_cast<double>(row.bytes(i)) / (1 << 20));
            of_time.x.push_back(static_cast<double>(row.image));
            of_time.y.push_back(row.seconds(i));
        }
        bytes.series.push_back(of_bytes);
        time.series.push_back(of_time);
    }
    return {{"memory.svg", bytes}, {"time.svg", time}};
}

std::vector<std::string> seen_in(const std::vector<Row>& rows) {
    const Row& last = rows.back();
    std::vector<std::string> texts;
    for (size_t i = 1; i < techniques.size(); ++i)
        texts.push_back(fmt::format(
            "At {1} x {1} pixels, {0}: {2} in the place of {3}, {4:.1f} times less, and {5:.0f} % {6} images a second.",
            techniques[i].name, last.image, bytes_text(last.bytes(i)), bytes_text(last.bytes(0)),
            static_cast<double>(last.bytes(0)) / static_cast<double>(last.bytes(i)), std::abs(last.slowdown(i)),
            last.slowdown(i) < 0 ? "more" : "fewer"));
    const auto slowest = std::max_element(rows.begin(), rows.end(),
                                          [](const Row& a, const Row& b) { return a.slowdown(1) < b.slowdown(1); });
    texts.push_back(fmt::format(
        "Checkpointing costs {:.0f} % of the speed at most, at {} pixels; the paper's bound of {:.0f} % {}.",
        slowest->slowdown(1), slowest->image, paper_slowdown,
        slowest->slowdown(1) <= paper_slowdown ? "holds here" : "does not hold here"));
    return texts;
}

Findings run_memory(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings.quick);
    std::vector<Cell> cells;
    for (const int64_t image : plan.images)
        for (const Technique& technique : techniques) {
            const SwinConfig config = config_of(plan, image, technique);
            cells.push_back({fmt::format("{0} x {0} pixels, {1}", image, technique.name),
                             {{"measure", "memory"},
                              {"model", config_to_json(config)},
                              {"precision", run.settings.precision},
                              {"device", description_of(run.settings.device)},
                              {"threads", thread_count()},
                              {"timed_steps", plan.timed_steps}},
                             [&run, &plan, config] { return measure(config, run.settings, plan.timed_steps); }});
        }
    const std::vector<json> results = run.cells.results_of(cells, run.progress);
    std::vector<Row> rows;
    for (size_t i = 0; i < results.size(); ++i) {
        if (i % techniques.size() == 0) rows.push_back({plan.images[i / techniques.size()], {}});
        rows.back().results.push_back(results[i]);
    }
    json setup = config_to_json(plan.model);
    for (const char* varied : {"img_size", "window_size", "checkpoint_blocks", "sequential_attention"})
        setup.erase(varied);
    setup["device"] = run.settings.device;
    setup["precision"] = run.settings.precision;
    return {figures_of(rows), tables_of(rows), seen_in(rows), setup};
}

}  // namespace

extern const Experiment memory_experiment;
const Experiment memory_experiment{
    "memory",
    "Section 3.5",
    "what checkpointed blocks and sequential attention save in memory and cost in time",
    "5 minutes",
    false,
    1,
    {"A window of N tokens has N x N scores a head. With windows of 32 x 32 tokens on images of 1536 x 1536 pixels a "
     "GPU of 40 GB does not hold what training needs.",
     "A checkpointed block keeps its input alone and is computed once more in backward; the paper puts the cost at "
     "30 % of the speed at most. Sequential attention goes through the scores piece by piece, so that never all of "
     "them exist at once; the paper says that it costs little."},
    {"One image goes forward and backward through nano, whose windows here grow with the image: half the side of the "
     "first stage's map. What the allocator has handed out is counted, at its peak, so memory is the same on every "
     "machine of a kind.",
     "The two techniques save different things. The tape keeps what backward needs of every block, and checkpointing "
     "leaves one block's. Scores are not among it: attention makes them again in backward, one block after the "
     "other, as working memory, which grows with the square of a window. Only sequential attention saves that. So "
     "where windows are small checkpointing counts, where they are large sequential attention, and each alone leaves "
     "the other's part.",
     "On the CPU sequential attention can be faster besides: its tiles stay in the cache, and no memory has to be "
     "fetched from the system. On a device the ordinary kernels work by tiles too, so there it saves little."},
    {{"autograd/checkpoint.cpp", "Tensor checkpoint(", "a node that owns a tape of its own, made in backward"},
     {"ops/attention/sequential_attention.cpp", "namespace swingrad", "attention whose scores exist tile by tile"},
     {"core/allocator.h", "void reset_peak(", "where the peak is read"},
     {"models/swin/block.cpp", "Tensor Block::forward(", "where a block is checkpointed"}},
    run_memory};

}  // namespace swingrad
