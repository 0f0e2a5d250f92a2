// From the tensors of a file to those of a model, once all is known to fit. For train/loop/checkpoint.cpp and
// train/transfer/initial_weights.cpp.
#pragma once

#include "core/io/safetensors.h"
#include "core/io/stored_tensors.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace swingrad {

// Whether the tensor's elements can be read as these: both floating, or the same.
bool is_convertible(const StoredTensor& stored, DType to);

// Gives tensors that other programs keep in another shape, and which are the same numbers, the shape here.
void take_shapes(std::map<std::string, StoredTensor>& tensors, const NamedTensors& targets);

// Replaces what can be resampled to the shape of its target (models/swin/resample_weights.h); returns the names.
std::vector<std::string> resample(std::map<std::string, StoredTensor>& tensors, const NamedTensors& targets);

// Throws an Error that begins with `heading` where a tensor is missing, unexpected or of another kind. Names for which
// `ignored` holds may be there unasked. Reads no tensor.
void check_fit(const std::string& heading, const std::map<std::string, StoredTensor>& tensors,
               const NamedTensors& targets, const std::function<bool(const std::string&)>& ignored);

// Throws an Error that begins with `heading` where `converted` holds a value that is not finite, and says what `given`
// holds there.
void check_finite(const std::string& heading, const std::string& name, const Tensor& given, const Tensor& converted);

// The tensors of the targets' names, which are known to fit, in the targets' types. Throws an Error where one cannot be
// read, or holds a value that is not finite.
NamedTensors read_fitting(const std::string& heading, const std::map<std::string, StoredTensor>& tensors,
                          const NamedTensors& targets);

// Copies what read_fitting gave to where it belongs.
void fill(const NamedTensors& targets, const NamedTensors& sources);

}  // namespace swingrad
