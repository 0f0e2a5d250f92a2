#include "train/optim/flat_table.h"

#include "train/optim/flat.h"

#include <algorithm>

namespace swingrad {
namespace {

template <class Row>
Tensor rows_on_device(int64_t count) {
    return Tensor::empty({count * static_cast<int64_t>(sizeof(Row))}, DType::uint8, Device::cuda);
}

template <class Row>
void fill(const Tensor& to, const std::vector<Row>& rows) {
    if (!rows.empty()) memory_of(Device::cuda).copy_from_host(to.address(), rows.data(), to.bytes());
}

}  // namespace

FlatTable::FlatTable(const Parameters& parameters, std::vector<bool> of) : parameters_(parameters), of_(std::move(of)) {
    std::vector<cuda::FlatPiece> pieces;
    for (const auto& entry : parameters.entries()) {
        const auto number = static_cast<int32_t>(host_entries_.size());
        const int64_t count = entry.shape.numel();
        for (int64_t done = 0; done < count; done += cuda::flat_piece)
            pieces.push_back(
                {entry.offset + done, static_cast<int32_t>(std::min<int64_t>(cuda::flat_piece, count - done)), number});
        host_entries_.push_back({entry.decay == Decay::yes, entry.has_copy(), 0, entry.rate});
    }
    piece_count_ = static_cast<int64_t>(pieces.size());
    pieces_ = rows_on_device<cuda::FlatPiece>(piece_count_);
    entries_ = rows_on_device<cuda::FlatEntry>(static_cast<int64_t>(host_entries_.size()));
    fill(pieces_, pieces);
    fill(entries_, host_entries_);
}

cuda::FlatTable FlatTable::current() {
    const std::vector<bool> received = with_gradient(parameters_, of_);
    bool changed = false;
    for (size_t i = 0; i < received.size(); ++i)
        if ((host_entries_[i].received != 0) != received[i]) {
            host_entries_[i].received = received[i];
            changed = true;
        }
    if (changed) fill(entries_, host_entries_);
    return {piece_count_, static_cast<int64_t>(host_entries_.size()),
            reinterpret_cast<const cuda::FlatPiece*>(pieces_.device_data<uint8_t>()),
            reinterpret_cast<const cuda::FlatEntry*>(entries_.device_data<uint8_t>())};
}

}  // namespace swingrad
