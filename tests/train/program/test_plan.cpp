// A plan's arithmetic against numbers worked out by hand.
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/program/plan/plan_text.h"

using namespace swingrad;

namespace {

// A million parameters of float32 and a pass of 3 GFLOP, on a machine of round numbers.
PassMemory million(bool mixed) {
    PassMemory pass;
    pass.parameters = 1'000'000;
    pass.values = 4'000'000;
    pass.copies = mixed ? 2'000'000 : 0;
    pass.gradients = mixed ? 1'000 : 4'000'000;
    pass.copies_gradients = mixed ? 2'000'000 : 0;
    pass.saved = 500'000;
    pass.peak = 700'000;
    pass.flops = 3e9;
    return pass;
}

Machine round() {
    return {"round",
            "a machine of round numbers",
            1e9,
            0,
            1e12,
            2e12,
            1e9,
            2,
            {"inside", 1e9, 1e-3},
            {"outside", 1e8, 1e-2}};
}

double bytes_of(const std::vector<MemoryPart>& parts, const std::string& cause) {
    for (const MemoryPart& part : parts)
        if (part.cause == cause) return part.bytes;
    FAIL("no part " + cause);
    return 0;
}

PlanRequest giant() {
    PlanRequest request;
    request.model = named_config("giant");
    request.model_text = "giant";
    request.dtype = DType::bfloat16;
    request.batch = 1024;
    request.ranks = 64;
    request.machine = machine_named("h200");
    return request;
}

}  // namespace

TEST_CASE("a plan counts the sums of gradients that exist at once") {
    REQUIRE(sums_at_once(1, 1) == 1);
    REQUIRE(sums_at_once(2, 1) == 2);  // 0 waits while 1 is filled
    REQUIRE(sums_at_once(4, 1) == 3);  // {0 1} and 2 wait while 3 is filled
    REQUIRE(sums_at_once(5, 1) == 3);  // {0 1 2 3} waits, and {0 1}, 2 before
    REQUIRE(sums_at_once(8, 1) == 4);
    REQUIRE(sums_at_once(4, 2) == 3);  // {0 1} waits while 2 and 3 are filled
}

TEST_CASE("a plan counts the blocks that a rank's micro-batches leave") {
    REQUIRE(blocks_of_busiest(2, 8) == 1);  // 0 1 2 3 | 4 5 6 7
    REQUIRE(blocks_of_busiest(3, 8) == 2);  // {0 1} | {2 3} {4} | {5} {6 7}
    REQUIRE(blocks_of_busiest(1, 7) == 3);  // {0 1 2 3} {4 5} {6}
    REQUIRE(blocks_of_busiest(512, 512) == 1);
}

TEST_CASE("a plan's memory by cause is that of a case by hand, and ZeRO shares out what it should") {
    const SwinConfig nano = named_config("nano");  // 32 x 32 x 3
    RankWork work;
    work.on = PlannedOn::gpu;
    work.dtype = DType::bfloat16;
    work.images = 10;
    std::vector<MemoryPart> parts = rank_memory(nano, work, million(true));
    REQUIRE(bytes_of(parts, "weights") == 2e6);
    REQUIRE(bytes_of(parts, "gradients") == 2.001e6);
    REQUIRE(bytes_of(parts, "moments") == 8e6);
    REQUIRE(bytes_of(parts, "masters") == 4e6);
    REQUIRE(bytes_of(parts, "sums") == 0);
    REQUIRE(bytes_of(parts, "batch") == 10 * (32 * 32 * 3 * 4 + 8));
    REQUIRE(bytes_of(parts, "activations") == 5e5);
    REQUIRE(bytes_of(parts, "workspace") == 2e5);

    work.ranks = work.all_parts = 4;
    work.zero = true;
    parts = rank_memory(nano, work, million(true));
    REQUIRE(bytes_of(parts, "weights") == 2e6);
    REQUIRE(bytes_of(parts, "moments") == 2e6);
    REQUIRE(bytes_of(parts, "masters") == 1e6);
    REQUIRE(bytes_of(parts, "sums") == 8e6);  // where a pass' land, and one of the tree

    work.dtype = DType::float32;  // weights are what the model computes with, so each rank has them
    parts = rank_memory(nano, work, million(false));
    REQUIRE(bytes_of(parts, "weights") == 4e6);
    REQUIRE(bytes_of(parts, "moments") == 2e6);
    REQUIRE(bytes_of(parts, "masters") == 0);
}

TEST_CASE("a plan's time of a step is that of a case by hand") {
    RankWork work;
    work.parts = work.all_parts = 2;
    StepTime time = step_time(round(), work, million(false));
    REQUIRE(time.compute == Approx(6e-3));  // 2 passes of 3 GFLOP at 1 TFLOP/s
    REQUIRE(time.update == Approx(36e-3));  // 36 bytes a parameter at 1 GB/s
    REQUIRE(time.exchange == 0);

    work.ranks = 2;  // each sends half of 4 MB twice, 2 ms at 1 GB/s, and waits 1 ms for the message
    work.parts = 1;
    time = step_time(round(), work, million(false));
    REQUIRE(time.compute == Approx(3e-3));
    REQUIRE(time.exchange == Approx(2 * (2e-3 + 1e-3)));

    // Of four ranks two are in another machine: 2/3 of 3 MB at 0.1 GB/s, and two messages of 10 ms.
    REQUIRE(seconds_of_exchange(round(), 4, 3e6) == Approx(20e-3 + 20e-3));

    work.zero = true;
    work.ranks = work.all_parts = 4;
    REQUIRE(step_time(round(), work, million(false)).update == Approx(7e-3 + 8e-3));  // AdamW of a quarter
    // Weights of two bytes are gathered in the place of sums of four.
    const double sent = seconds_of_exchange(round(), 4, 3e6) + seconds_of_exchange(round(), 4, 1.5e6);
    REQUIRE(step_time(round(), work, million(true)).exchange == Approx(sent));
}

TEST_CASE("a plan of the paper's largest model has its parameters, and what ZeRO and checkpointing save") {
    PlanRequest request = giant();
    const Plan whole = make_plan(request);
    REQUIRE(whole.pass.parameters == 3'001'940'680);
    REQUIRE(whole.work.parts == 1);
    REQUIRE(whole.work.images == 16);
    REQUIRE(whole.growing.size() == 10);  // 1, 2, 4 ... 512
    request.zero = true;
    const Plan zero = make_plan(request);
    REQUIRE(zero.total_other_zero == whole.total());
    REQUIRE(whole.total_other_zero == zero.total());
    // Twelve bytes a parameter, of which 63 of 64 are on other ranks.
    REQUIRE(whole.total() - zero.total() == Approx(12.0 * 3.00194e9 * 63 / 64).epsilon(1e-3));
    request.model.checkpoint_blocks = true;
    const Plan checkpointed = make_plan(request);
    REQUIRE(bytes_of(checkpointed.memory, "activations") < 0.25 * bytes_of(zero.memory, "activations"));
    REQUIRE(checkpointed.time.compute > 1.2 * zero.time.compute);
    REQUIRE(checkpointed.time.compute < 4.0 / 3 * zero.time.compute);
    REQUIRE(checkpointed.most_images > zero.most_images);
    REQUIRE(checkpointed.largest_side > zero.largest_side);
}

TEST_CASE("the largest number of images that a plan names fits, and one more does not") {
    PlanRequest request = giant();
    request.model = named_config("base");
    const Plan plan = make_plan(request);
    REQUIRE(plan.most_images > 16);
    request.batch = request.ranks * plan.most_images;
    REQUIRE(make_plan(request).fits());
    request.batch += request.ranks;
    REQUIRE_FALSE(make_plan(request).fits());
}

TEST_CASE("every model that has a name can be planned, and each page of a plan says what it is") {
    for (const std::string& name : config_names()) {
        PlanRequest request = giant();
        request.model = named_config(name);
        request.model_text = name;
        const Plan plan = make_plan(request);
        INFO(name);
        REQUIRE(plan.total() > 0);
        REQUIRE(text_of(plan).find(predicted) != std::string::npos);
        REQUIRE(json_of(plan).at("says") == predicted);
        REQUIRE(json_of(plan).at("shared").size() == 10);
        REQUIRE(figure_of(plan).title.find(predicted) != std::string::npos);
    }
}
