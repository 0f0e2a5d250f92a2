// launch(kernel, grid, block, shared_bytes, stream, arguments...): CUDA's kernel<<<...>>>(...), as a function.
// A launch is over when launch() returns; the stream tells what would have run at the same time (engine/streams.h).
#pragma once

#include "cuda/emulator/language/graph.h"
#include "cuda/emulator/language/keywords.h"
#include "cuda/runtime/runtime.h"

#include <array>
#include <cstddef>
#include <tuple>
#include <type_traits>

namespace swingrad::cuda {

// A grid that knows where in the source it was written down: the place of the launch, for messages.
struct Grid {
    dim3 size;
    emulator::Site site;

    Grid(dim3 blocks, emulator::Site here = emulator::Site::current()) : size(blocks), site(here) {}
    Grid(unsigned blocks, emulator::Site here = emulator::Site::current()) : size(blocks), site(here) {}
};

namespace emulator {

// What a kernel was called with.
struct Argument {
    const void* pointer = nullptr;  // where it is one
    bool constant = false;          // to const: what it points to is read
};

// One launch, with the types of the arguments gone.
struct Launch {
    const void* kernel;  // its address: names it in messages
    Site site;
    Stream stream;
    dim3 grid, block;
    size_t shared_bytes;
    void (*call)(const void* closure);  // runs the kernel once, for the thread that threadIdx says
    const void* closure;                // the kernel and its arguments
    size_t closure_bytes;
    const Argument* arguments;
    int argument_count;
};

// Runs all blocks. Throws an Error that names kernel, block and thread where one of them does something wrong.
void run(const Launch& launch);

template <class T>
Argument as_argument(const T& value) {
    if constexpr (std::is_pointer_v<T>)
        return {const_cast<const void*>(static_cast<const volatile void*>(value)),
                std::is_const_v<std::remove_pointer_t<T>>};
    else return {};
}

}  // namespace emulator

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), Grid grid, dim3 block, size_t shared_bytes, Stream stream,
            Arguments&&... arguments) {
    struct Closure {
        void (*kernel)(Parameters...);
        std::tuple<Parameters...> values;
    };
    emulator::ask(
        [closure = Closure{kernel, {static_cast<Parameters>(arguments)...}}, grid, block, shared_bytes, stream] {
            const auto values = std::apply(
                [](const auto&... value) {
                    return std::array<emulator::Argument, sizeof...(value) + 1>{emulator::as_argument(value)...};
                },
                closure.values);
            emulator::run({
                .kernel = reinterpret_cast<const void*>(closure.kernel),
                .site = grid.site,
                .stream = stream,
                .grid = grid.size,
                .block = block,
                .shared_bytes = shared_bytes,
                .call =
                    [](const void* of) {
                        const auto& self = *static_cast<const Closure*>(of);
                        std::apply(self.kernel, self.values);
                    },
                .closure = &closure,
                .closure_bytes = sizeof closure,
                .arguments = values.data(),
                .argument_count = sizeof...(Parameters),
            });
        });
}

}  // namespace swingrad::cuda
