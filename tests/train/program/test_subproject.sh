#!/usr/bin/env bash
# Takes swingrad's source into a project of its own, by add_subdirectory and by FetchContent: its headers are found, its
# targets are there, and nothing else of it is: no tests, no installation, no flags.
# usage: test_subproject.sh [CMAKE ARGUMENTS...]      the arguments configure the project
set -uo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

wrong() {
    echo "WRONG: $*"
    exit 1
}
quietly() { "$@" >said 2>&1 || { cat said; wrong "$*"; }; }

# The project has tests of its own and has chosen no build type. Of swingrad it builds what it links, the core.
cat >CMakeLists.txt <<'TEXT'
cmake_minimum_required(VERSION 3.22...4.0)
project(around LANGUAGES CXX)
include(CTest)
if(FETCH)
  include(FetchContent)
  FetchContent_Declare(swingrad SOURCE_DIR ${FETCH})
  FetchContent_MakeAvailable(swingrad)
else()
  add_subdirectory(${ADD} swingrad)
endif()
foreach(part core cuda autograd ops models train swingrad)
  if(NOT TARGET swingrad::${part})
    message(FATAL_ERROR "no target swingrad::${part}")
  endif()
endforeach()
if(CMAKE_BUILD_TYPE OR CMAKE_CXX_STANDARD)
  message(FATAL_ERROR "swingrad set a variable of the project around it")
endif()
add_executable(around around.cpp)
target_link_libraries(around PRIVATE swingrad::core)
TEXT
cat >around.cpp <<'TEXT'
#include <swingrad/core/tensor.h>
#include <swingrad/ops/ops.h>
#include <swingrad/train/optim/optimiser.h>

int main() { return swingrad::Tensor::zeros({2, 3}).numel() == 6 ? 0 : 1; }
TEXT

for by in ADD FETCH; do
    quietly cmake -S . -B $by -D$by="$source" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DBUILD_TESTING=ON "$@"
    grep "CMake .*Warning" -A 5 said && wrong "$by: CMake warns"
    ctest --test-dir $by -N | grep -q "Total Tests: 0" || wrong "$by: tests that were not asked for"
    grep around.cpp $by/compile_commands.json | grep -E -- "-march=|-Wall|-Werror|-O3|-fno-math" && wrong "$by: its compiler flags leak"
    quietly cmake --install $by --prefix installed
    [ -e installed ] && wrong "$by: installs what was not asked for: $(find installed | head)"
done
# Built in one of the two ways: the other has the same targets.
quietly cmake --build FETCH --target around
quietly FETCH/around
echo "all is well"
