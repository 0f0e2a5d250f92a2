#include "models/nn/module.h"

#include "autograd/tape.h"

#include <algorithm>
#include <utility>

namespace swingrad {

Parameter::operator const Tensor&() const {
    check(value.defined() || name.empty(),
          "[module] {} {} has no memory yet: Parameters(model, ...) gives memory to all that the model declares", name,
          shape);
    return value;
}

Tensor Module::forward(const Tensor& x) const {
    fail("[module] {} has no forward(x) of one tensor; it was given {}", name_.empty() ? "this module" : name_, x);
}

namespace {
thread_local const ModuleObserver* observer = nullptr;
thread_local std::optional<int64_t> micro_batch;
}  // namespace

MicroBatch::MicroBatch(int64_t number) : outer_(std::exchange(micro_batch, number)) {}
MicroBatch::~MicroBatch() { micro_batch = outer_; }

Random Module::random() const { return micro_batch ? random_.split(static_cast<uint64_t>(*micro_batch)) : random_; }

ModuleObserver::ModuleObserver(Function function)
    : function_(std::move(function)), outer_(std::exchange(observer, this)) {}
ModuleObserver::~ModuleObserver() { observer = outer_; }

Tensor Module::operator()(const Tensor& x) const {
    if (name_.empty()) return forward(x);
    const Scope scope(name_);
    const Tensor y = forward(x);
    if (observer) observer->function_(name_, y);
    return y;
}

// ---- training and evaluation

void Module::train(Random random) {
    training_ = true;
    drawn_ahead_ = false;
    random_ = random;
    for (size_t i = 0; i < members_.size(); ++i)
        if (members_[i].module) members_[i].module->train(random.split(i));
}

void Module::eval() {
    training_ = drawn_ahead_ = false;
    for (const Member& member : members_)
        if (member.module) member.module->eval();
}

std::optional<int64_t> Module::layer_of(const std::string&) const { return std::nullopt; }

void Module::draw_ahead(int64_t batch, DType dtype, Device device) {
    for (const Member& member : members_)
        if (member.module) member.module->draw_ahead(batch, dtype, device);
}

bool Module::draws_in_forward() const {
    return std::any_of(members_.begin(), members_.end(),
                       [](const Member& member) { return member.module && member.module->draws_in_forward(); });
}

// ---- members

void Module::declare(std::string name, Parameter& parameter, const Shape& shape, Init init, Decay decay,
                     Precision precision) {
    check(shape.numel() > 0, "[module] {} must have elements, got {}", name, shape);
    parameter = {shape, init, decay, precision, false, name};
    declare(Member{.name = std::move(name), .parameter = &parameter});
}

void Module::declare(std::string name, Buffer& buffer, const Shape& shape, double start) {
    check(shape.numel() > 0, "[module] {} must have elements, got {}", name, shape);
    buffer = {shape, start, {}};
    declare(Member{.name = std::move(name), .buffer = &buffer});
}

void Module::declare(std::string name, Module& child) { declare(Member{.name = std::move(name), .module = &child}); }

void Module::declare(Member member) {
    const auto same = [&](const Member& other) { return other.name == member.name; };
    check(!member.name.empty(), "[module] a member's name must not be empty");
    check(std::none_of(members_.begin(), members_.end(), same), "[module] \"{}\" is declared twice", member.name);
    check(member.module != this, "[module] \"{}\" is declared in itself", member.name);
    members_.push_back(std::move(member));
}

void Module::collect(const std::string& prefix, std::vector<NamedParameter>& parameters,
                     std::vector<NamedBuffer>& buffers) {
    for (const Member& member : members_) {
        const std::string name = prefix + member.name;
        if (member.parameter) parameters.push_back({name, member.parameter});
        else if (member.buffer) buffers.push_back({name, member.buffer});
        else {
            member.module->name_ = name;
            member.module->collect(name + ".", parameters, buffers);
        }
    }
}

std::vector<NamedParameter> Module::parameters() {
    std::vector<NamedParameter> parameters;
    std::vector<NamedBuffer> buffers;
    collect("", parameters, buffers);
    return parameters;
}

std::vector<NamedBuffer> Module::buffers() {
    std::vector<NamedParameter> parameters;
    std::vector<NamedBuffer> buffers;
    collect("", parameters, buffers);
    return buffers;
}

std::vector<std::pair<std::string, Module*>> Module::children() const {
    std::vector<std::pair<std::string, Module*>> found;
    for (const Member& member : members_)
        if (member.module) found.emplace_back(member.name, member.module);
    return found;
}

int64_t Module::parameter_count() {
    int64_t count = 0;
    for (const NamedParameter& named : parameters()) count += named.parameter->shape.numel();
    return count;
}

}  // namespace swingrad
