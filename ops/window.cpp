#include "ops/window.h"

#include <algorithm>
#include <cmath>
#include <mutex>

namespace swingrad {
namespace {

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Where position r of the rolled, padded axis comes from; -1 for padding.
int64_t source_position(int64_t r, int64_t size, int64_t padded, int64_t shift, PaddingOrder order) {
    if (order == PaddingOrder::before_shift) {
        const int64_t position = (r + shift) % padded;
        return position < size ? position : -1;
    }
    return r < size ? (r + shift) % size : -1;
}

// The mask along one axis: which of up to three stretches position r belongs to. After the roll, the last window holds
// the end of the map followed by its beginning: neighbours in the window, not in the image.
int32_t axis_mask(int64_t r, int64_t padded, int64_t window, int64_t shift) {
    if (shift == 0 || r < padded - window) return 0;
    return r < padded - shift ? 1 : 2;
}

// One axis: the coordinates of the relative positions -(size - 1) .. size - 1.
std::vector<float> axis_coordinates(int64_t size, int64_t pretrained, OffsetScale scale) {
    const auto denominator = static_cast<float>(std::max<int64_t>((pretrained > 0 ? pretrained : size) - 1, 1));
    std::vector<float> coordinates;
    for (int64_t offset = 1 - size; offset < size; ++offset) {
        const auto d = static_cast<float>(offset);
        const float z = d / denominator * 8.0f;
        switch (scale) {
            case OffsetScale::log_of_window:
                coordinates.push_back(std::copysign(std::log2(std::abs(z) + 1.0f) / 3.0f, z));  // 3 = log2(8)
                break;
            case OffsetScale::window: coordinates.push_back(d / denominator); break;
            case OffsetScale::log_of_tokens: coordinates.push_back(std::copysign(std::log1p(std::abs(d)), d)); break;
            case OffsetScale::tokens: coordinates.push_back(d); break;
        }
    }
    return coordinates;
}

}  // namespace

WindowTable::OnDevice WindowTable::on_device() const {
    static std::mutex mutex;  // of all tables: copied once each
    const std::lock_guard lock(mutex);
    if (!on_device_.defined()) {
        std::vector<int32_t> lists = source;
        int32_t padding = 0;
        for (int32_t& token : lists)
            if (token < 0) token = -1 - padding++;
        lists.insert(lists.end(), position.begin(), position.end());
        lists.insert(lists.end(), mask.begin(), mask.end());
        on_device_ = Tensor::from({static_cast<int64_t>(lists.size())}, lists).on(Device::cuda);
    }
    const int32_t* const first = on_device_.device_data<int32_t>();
    const int32_t* const mask_of = first + source.size() + position.size();
    return {first, mask.empty() ? nullptr : mask_of, first + source.size()};
}

WindowMap make_window_map(Extent map, Extent window, Extent shift, PaddingOrder order) {
    check(map.rows > 0 && map.columns > 0, "[window] the map must not be empty, got {} x {}", map.rows, map.columns);
    check(window.rows > 0 && window.columns > 0, "[window] the window must not be empty, got {} x {}", window.rows,
          window.columns);
    check(0 <= shift.rows && shift.rows < window.rows && 0 <= shift.columns && shift.columns < window.columns,
          "[window] the shift must be less than the window {} x {}, got {} x {}", window.rows, window.columns,
          shift.rows, shift.columns);
    WindowTable table;
    table.map = map;
    table.window = window;
    table.shift = shift;
    table.padded = {round_up(map.rows, window.rows), round_up(map.columns, window.columns)};
    table.tokens = window.rows * window.columns;
    table.windows = table.padded.rows * table.padded.columns / table.tokens;
    table.has_padding = !(table.padded == map);
    for (int64_t token = 0; token < table.tokens; ++token)
        table.position.push_back(
            static_cast<int32_t>(token / window.columns * (2 * window.columns - 1) + token % window.columns));
    table.centre = static_cast<int32_t>((window.rows - 1) * (2 * window.columns - 1) + window.columns - 1);
    const bool shifted = shift.rows > 0 || shift.columns > 0;
    for (int64_t top = 0; top < table.padded.rows; top += window.rows)
        for (int64_t left = 0; left < table.padded.columns; left += window.columns)
            for (int64_t r = top; r < top + window.rows; ++r)
                for (int64_t c = left; c < left + window.columns; ++c) {
                    const int64_t row = source_position(r, map.rows, table.padded.rows, shift.rows, order);
                    const int64_t column = source_position(c, map.columns, table.padded.columns, shift.columns, order);
                    const bool inside = row >= 0 && column >= 0;
                    table.source.push_back(static_cast<int32_t>(inside ? row * map.columns + column : -1));
                    if (shifted)
                        table.mask.push_back(3 * axis_mask(r, table.padded.rows, window.rows, shift.rows) +
                                             axis_mask(c, table.padded.columns, window.columns, shift.columns));
                }
    return std::make_shared<const WindowTable>(std::move(table));
}

WindowMap make_sequence_map(int64_t tokens, bool causal) {
    check(tokens > 0, "[window] a sequence must not be empty, got {} tokens", tokens);
    WindowTable table = *make_window_map({1, tokens}, {1, tokens}, {0, 0});
    table.causal = causal;
    return std::make_shared<const WindowTable>(std::move(table));
}

WindowMap block_window_map(Extent map, Extent window, bool shifted, PaddingOrder order) {
    const Extent clipped{std::min(map.rows, window.rows), std::min(map.columns, window.columns)};
    Extent shift;
    if (shifted && map.rows > clipped.rows) shift.rows = window.rows / 2;
    if (shifted && map.columns > clipped.columns) shift.columns = window.columns / 2;
    return make_window_map(map, clipped, shift, order);
}

Tensor relative_coordinates(Extent window, Extent pretrained, OffsetScale scale, DType dtype) {
    const auto down = axis_coordinates(window.rows, pretrained.rows, scale),
               across = axis_coordinates(window.columns, pretrained.columns, scale);
    std::vector<float> table;
    for (const float y : down)
        for (const float x : across) table.insert(table.end(), {y, x});
    return Tensor::from({static_cast<int64_t>(table.size() / 2), 2}, table).to(dtype);
}

}  // namespace swingrad
