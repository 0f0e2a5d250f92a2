// The mean of the gradients of several micro-batches: parts of a batch, computed by themselves, one after another or
// several at once on a thread each.
#pragma once

#include "models/nn/parameters.h"
#include "train/optim/flat_table.h"
#include "train/optim/shards.h"
#include "train/ranks/blocks.h"
#include "train/ranks/shares.h"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace swingrad {

// Whether so many passes keep so many threads busy by a pass a thread: else all threads work on one pass.
bool worth_a_thread_each(int64_t passes, int threads);

// Between begin() and finish(), each micro-batch's gradient is added, as number 0, 1, ... of the step: the gradients
// become those of the mean of their losses. Sums are float32 or float64, as Parameters::values() are, in mixed
// precision too, and are taken in an order that the number of micro-batches alone decides (the banner of
// mean_gradient.cpp). A parameter that received a gradient from some of them has had zeros from the others.
class MeanGradient {
  public:
    explicit MeanGradient(const Parameters& parameters);

    // With whom, of whose shares (train/ranks/shares.h) of a batch of `micro_batches` each adds its own. Not `ordered`,
    // each adds all of its own up before they add theirs: less is sent where shares are no powers of two, and the last
    // bits depend on the number of ranks. With `shards`, finish() leaves each rank the gradients of its own entries.
    struct Together {
        Ranks* ranks = &one_rank();
        int64_t micro_batches = 1;
        bool ordered = true;
        const Shards* shards = nullptr;
    };
    void share(const Together& together) { together_ = together; }

    // Forgets what was added. So many micro-batches are to come, from all ranks.
    void begin(int64_t count);

    // Calls pass(i) for i = first .. first + count - 1, each of which walks a tape backwards on the thread that called
    // it, and adds what the parameters receive. With `at_once`, several passes at a time: then the model's forward must
    // change nothing. What a pass throws is thrown here.
    void add(int64_t first, int64_t count, bool at_once, const std::function<void(int64_t)>& pass);
    // Of each entry, whether any micro-batch of the step has reached it. With several ranks all must know of all before
    // finish().
    std::vector<bool>& received() { return received_; }
    // Parameters' gradients are the mean over so many micro-batches: all that were added, by all ranks. Each of them
    // calls this, and has added its own; all end with the same bits.
    void finish(int64_t count);

    // On a GPU in a step that waits for nothing. After the backward pass of a micro-batch: its gradients, and its loss
    // [1], land where add_landed finds them. To be captured in a graph.
    void land(const cuda::FlatTable& table, const Tensor& loss);
    void add_landed(int64_t number);
    // After the last of so many. With several ranks the host waits for the device, and for them.
    void sum_landed(int64_t count);
    // The mean: over as many as `control` says. To be captured, too. Returns the losses' mean [1].
    const Tensor& finish_by(const cuda::FlatTable& table, const cuda::StepControl* control) const;

  private:
    // Where one pass' gradients arrive, apart from the parameters' own.
    struct Collected;
    // The sum over a block of micro-batches, [total].
    struct Node {
        Tensor sums;
        std::shared_ptr<Collected> owner;  // of the memory, where gradients arrive in it; else null
    };

    std::shared_ptr<Collected> collector();
    Node node_of(const std::shared_ptr<Collected>& collected);
    void insert(BatchBlock block, Node node);
    Node sum_of_all();  // that this process has; takes them out
    std::map<BatchBlock, Tensor> blocks_to_send(int64_t count, BlocksOfRanks& of_ranks);
    void forget_nodes();
    Tensor sum_over_ranks(int64_t count);
    void write_mean(const Tensor& sums, int64_t offset, int64_t count, const std::vector<bool>& entries);
    void give_back(Node node);
    Tensor buffer();  // [total], of any content

    Parameters parameters_;  // handles on the same memory
    Together together_;
    std::mutex mutex_;
    std::map<BatchBlock, Node> nodes_;
    std::vector<std::shared_ptr<Collected>> collectors_;  // not in use
    std::vector<Tensor> sums_;                            // likewise, in mixed precision
    std::vector<bool> received_;                          // of entries, by any micro-batch of the step
    BatchBlock root_{};                                   // of the tree: what finish() adds, by all threads

    // Of a GPU: what a micro-batch left, [total] and [1], zeros before the next one comes; and each one's loss.
    Tensor landed_, loss_;
    std::vector<Tensor> losses_;
};

}  // namespace swingrad
