// System calls that a signal has interrupted.
#pragma once

#include <cerrno>

namespace swingrad {

// What `call` returns, asked again as long as a signal cuts it short (EINTR).
template <class Call>
auto retried(Call&& call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

}  // namespace swingrad
