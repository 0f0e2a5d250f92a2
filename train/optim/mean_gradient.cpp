// Micro-batches. The loss of a batch is the mean over its samples, so for n micro-batches of b samples each
//
//   d/dw (1 / (n b)) sum of all losses  =  (1 / n) sum over micro-batches of  d/dw (1 / b) sum of its losses
//
// and the mean of their gradients is the gradient of the batch. What looks across samples, such as batch norm, sees a
// micro-batch.
// Order: micro-batches are added in pairs, (0 + 1), (2 + 3), their sums in pairs, and so on: a tree that their number
// alone decides. So no bit depends on which is done first, on how many are computed at once, or on which process
// computes which (train/ranks/); and at most one sum a level of the tree waits for its other half.
//
//        0   1   2   3   4   5   6   7
//        \ /     \ /     \ /     \ /        level 1
//          \     /         \     /          level 2
//             \________________/            level 3
//
// Where their number is no power of two, what is left at the end is added from the right.
// Numerics: in mixed precision gradients arrive in bfloat16, eight bits each; added up in bfloat16, a sum of 256 of
// them would not grow any more. So sums are float32, and the mean is rounded to bfloat16 once.
// The kernels are in cuda/optim/mean_gradient.cu. Tests: tests/train/loop/test_accumulation.cpp,
// tests/train/optim/test_mean_gradient.cpp.

#include "train/optim/mean_gradient.h"

#include "autograd/accumulate.h"
#include "cuda/optim/mean_gradient.h"
#include "train/optim/flat.h"

namespace swingrad {

bool worth_a_thread_each(int64_t passes, int threads) {
    const int64_t rounds = (passes + threads - 1) / threads;
    return threads > 1 && 4 * passes >= 3 * rounds * threads;  // three quarters of the time, all are busy
}

// A gradient of each entry, laid out as Parameters has them.
struct MeanGradient::Collected {
    Tensor gradients, copies_gradients;
    LeafGradients leaves;

    explicit Collected(const Parameters& parameters)
        : gradients(parameters.gradients().zeros_like(parameters.gradients().shape())),
          copies_gradients(parameters.copies_gradients().defined()
                               ? parameters.copies_gradients().zeros_like(parameters.copies_gradients().shape())
                               : Tensor()) {
        for (const auto& entry : parameters.entries())
            if (entry.trained())
                leaves.bind(entry.leaf,
                            (entry.has_copy() ? copies_gradients : gradients).subrange(entry.offset, entry.shape));
    }
};

MeanGradient::MeanGradient(const Parameters& parameters) : parameters_(parameters) {
    if (parameters_.device() == Device::cpu) return;
    landed_ = parameters_.values().zeros_like(parameters_.values().shape());
}

void MeanGradient::begin(int64_t count) {
    root_ = root_of(count);
    forget_nodes();  // of a step that was given up
    received_.assign(parameters_.entries().size(), false);
    if (landed_.defined()) landed_.fill_zero();
    if (loss_.defined()) loss_.fill_zero();
}

// ---- on the CPU

void MeanGradient::add(int64_t first, int64_t count, bool at_once, const std::function<void(int64_t)>& pass) {
    const KeptWeights kept = parameters_.keep();  // each weight is packed once for all of these
    const auto one = [&](int64_t i) {
        const std::shared_ptr<Collected> collected = collector();
        {
            const CollectGradients collecting(collected->leaves);
            pass(first + i);
        }
        insert(BatchBlock{0, first + i}, node_of(collected));
    };
    if (at_once) return parallel_for(count, one);
    for (int64_t i = 0; i < count; ++i) one(i);
}

std::shared_ptr<MeanGradient::Collected> MeanGradient::collector() {
    {
        const std::lock_guard lock(mutex_);
        if (!collectors_.empty()) {
            auto collected = std::move(collectors_.back());
            collectors_.pop_back();
            collected->leaves.zero();
            return collected;
        }
    }
    return std::make_shared<Collected>(parameters_);
}

// What a pass left where it collected, as one flat tensor. What it did not reach is 0.
MeanGradient::Node MeanGradient::node_of(const std::shared_ptr<Collected>& collected) {
    const auto& entries = parameters_.entries();
    Node node{collected->gradients, collected};
    if (collected->copies_gradients.defined()) node = {buffer(), nullptr};
    std::vector<bool> received(entries.size(), false);
    for (size_t i = 0; i < entries.size(); ++i) {
        const Parameters::Entry& entry = entries[i];
        if (!entry.trained()) continue;
        received[i] = collected->leaves.received(entry.leaf);
        const Tensor sums = node.sums.subrange(entry.offset, entry.shape);
        if (!received[i]) sums.fill_zero();
        else if (entry.has_copy())
            parallel_elements(entry.shape.numel(),
                              [to = sums.data<float>(), g = collected->copies_gradients.data<bfloat16>() +
                                                            entry.offset](int64_t j) { to[j] = widen(g[j]); });
        else if (!node.owner) sums.copy_from(collected->gradients.subrange(entry.offset, entry.shape));
    }
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < entries.size(); ++i)
        if (received[i]) received_[i] = true;
    if (!node.owner) collectors_.push_back(collected);
    return node;
}

// Whoever brings the second half of a block adds the two, and goes on with the block.
void MeanGradient::insert(BatchBlock block, Node node) {
    for (;;) {
        Node other;
        {
            const std::lock_guard lock(mutex_);
            const auto found = block.whole() == root_ ? nodes_.end() : nodes_.find(block.other_half());
            if (found == nodes_.end()) {
                nodes_.emplace(block, std::move(node));
                return;
            }
            other = std::move(found->second);
            nodes_.erase(found);
        }
        if (block.is_right()) std::swap(node, other);  // the left one's memory gets the sum
        add_into(node.sums, other.sums);
        give_back(std::move(other));
        block = block.whole();
    }
}

void MeanGradient::give_back(Node node) {
    const std::lock_guard lock(mutex_);
    if (node.owner) collectors_.push_back(std::move(node.owner));
    else sums_.push_back(std::move(node.sums));
}

Tensor MeanGradient::buffer() {
    const std::lock_guard lock(mutex_);
    if (sums_.empty()) return parameters_.values().zeros_like(parameters_.values().shape());
    Tensor buffer = std::move(sums_.back());
    sums_.pop_back();
    return buffer;
}

// By level, so from the right: a smaller block lies to the right of all larger ones. Of two halves of the root either
// may come first.
MeanGradient::Node MeanGradient::sum_of_all() {
    Node sum;
    for (auto& [block, node] : nodes_) {
        if (sum.sums.defined()) {
            add_into(node.sums, sum.sums);
            give_back(std::move(sum));
        }
        sum = std::move(node);
    }
    nodes_.clear();
    return sum;
}

// What of this process goes to the others, on the CPU; and what each has.
std::map<BatchBlock, Tensor> MeanGradient::blocks_to_send(int64_t count, BlocksOfRanks& of_ranks) {
    const int ranks = together_.ranks->size();
    std::map<BatchBlock, Tensor> own;
    if (together_.ordered) {
        of_ranks = blocks_of_ranks(ranks, together_.micro_batches, count);
        for (auto& [block, node] : nodes_) own.emplace(block, node.sums.on_cpu());
    } else {
        of_ranks = one_block_a_rank(ranks, together_.micro_batches);
        Node sum = sum_of_all();
        if (!sum.sums.defined()) return own;
        own.emplace(BatchBlock{0, together_.ranks->rank()}, sum.sums.on_cpu());
        nodes_.emplace(BatchBlock{0, 0}, std::move(sum));  // keeps the memory
    }
    return own;
}

void MeanGradient::forget_nodes() {
    for (auto& [block, node] : nodes_) give_back(std::move(node));
    nodes_.clear();
}

// Each rank adds one part of the flat memory up for all, and they tell each other.
Tensor MeanGradient::sum_over_ranks(int64_t count) {
    BlocksOfRanks of_ranks;
    const std::map<BatchBlock, Tensor> own = blocks_to_send(count, of_ranks);
    Tensor sum = swingrad::sum_over_ranks(*together_.ranks, own, of_ranks, parameters_.values().numel(),
                                          parameters_.values().dtype());
    forget_nodes();
    return sum;
}

// sums: of flat memory from `offset` on.
void MeanGradient::write_mean(const Tensor& sums, int64_t offset, int64_t count, const std::vector<bool>& entries) {
    dispatch_float("mean_gradient", sums.dtype(), [&]<class T>(T) {
        const T* all = sums.data<T>();
        for_each(stretches(parameters_, entries), [&](const Stretch& stretch) {
            const T* from = all + (stretch.begin - offset);
            with_gradients<T>(parameters_, stretch, [&]<class G>(G* g) {
                for (int64_t i = 0; i < stretch.end - stretch.begin; ++i)
                    g[i] = static_cast<G>(static_cast<acc_type<G>>(from[i] / static_cast<T>(count)));
            });
        });
    });
}

void MeanGradient::finish(int64_t count) {
    const auto& entries = parameters_.entries();
    for (size_t i = 0; i < entries.size(); ++i)
        if (received_[i]) note_gradient(entries[i].leaf);
    if (together_.shards) {
        BlocksOfRanks of_ranks;
        const std::map<BatchBlock, Tensor> own = blocks_to_send(count, of_ranks);
        const Shards& shards = *together_.shards;
        const Tensor sums =
            reduce_scatter(*together_.ranks, own, of_ranks, shards.parts(), parameters_.values().dtype());
        write_mean(sums, shards.own().begin, count, shards.own_entries());
        forget_nodes();
    } else if (together_.ranks->size() > 1) {
        write_mean(sum_over_ranks(count), 0, count, {});
    } else {
        const Node sum = sum_of_all();
        check(sum.sums.defined(), "[mean_gradient] nothing was added");
        write_mean(sum.sums, 0, count, {});
        give_back(sum);
    }
}

// ---- on a GPU

void MeanGradient::land(const cuda::FlatTable& table, const Tensor& loss) {
    if (!loss_.defined()) loss_ = loss.zeros_like({1});
    dispatch_float("mean_gradient", landed_.dtype(), [&]<class T>(T) {
        cuda::add_gradients(table, parameters_.gradients().device_data<T>(),
                            device_data_or_null<bfloat16>(parameters_.copies_gradients()), landed_.device_data<T>());
    });
    dispatch_float("mean_gradient", loss.dtype(),
                   [&]<class W>(W) { cuda::add_loss(loss.device_data<W>(), loss_.device_data<W>()); });
}

void MeanGradient::add_landed(int64_t number) {
    Node node{buffer(), nullptr};
    node.sums.copy_from(landed_);
    landed_.fill_zero();
    insert(BatchBlock{0, number}, std::move(node));
    while (static_cast<int64_t>(losses_.size()) <= number) losses_.push_back(loss_.zeros_like({1}));
    losses_[static_cast<size_t>(number)].copy_from(loss_);
    loss_.fill_zero();
}

void MeanGradient::sum_landed(int64_t count) {
    while (static_cast<int64_t>(losses_.size()) < count) losses_.push_back(loss_.zeros_like({1}));
    if (together_.ranks->size() > 1) {
        std::vector<double> values;
        for (int64_t i = 0; i < count; ++i) values.push_back(losses_[static_cast<size_t>(i)].item());
        gather_shares(*together_.ranks, together_.micro_batches, values);
        for (size_t i = 0; i < values.size(); ++i)
            losses_[i].copy_from(
                Tensor::from({1}, std::vector<double>{values[i]}).to(loss_.dtype()).on(loss_.device()));
    }
    for (int64_t i = 0; i < count; ++i)
        dispatch_float("mean_gradient", loss_.dtype(), [&]<class W>(W) {
            cuda::add_loss(losses_[static_cast<size_t>(i)].device_data<W>(), loss_.device_data<W>());
        });
    if (together_.ranks->size() > 1) {
        landed_.copy_from(sum_over_ranks(count).on(landed_.device()));
    } else {
        Node sum = sum_of_all();
        landed_.copy_from(sum.sums);
        give_back(std::move(sum));
    }
}

const Tensor& MeanGradient::finish_by(const cuda::FlatTable& table, const cuda::StepControl* control) const {
    dispatch_float("mean_gradient", landed_.dtype(), [&]<class T>(T) {
        cuda::finish_gradients(table, control, landed_.device_data<T>(), parameters_.gradients().device_data<T>(),
                               device_data_or_null<bfloat16>(parameters_.copies_gradients()));
    });
    dispatch_float("mean_gradient", loss_.dtype(),
                   [&]<class W>(W) { cuda::finish_loss(control, loss_.device_data<W>()); });
    return loss_;
}

}  // namespace swingrad
