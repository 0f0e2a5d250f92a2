#include "models/nn/module.h"

#include <algorithm>

namespace swingrad {

void Module::declare(std::string name, Parameter& parameter, const Shape& shape, Init init, Decay decay) {
    parameter.shape = shape;
    parameter.init = init;
    parameter.decay = decay;
    declare(Member{std::move(name), &parameter, nullptr});
}

void Module::declare(std::string name, Module& child) { declare(Member{std::move(name), nullptr, &child}); }

void Module::declare(Member member) {
    const auto same = [&](const Member& other) { return other.name == member.name; };
    check(!member.name.empty(), "[module] a member's name must not be empty");
    check(std::none_of(members_.begin(), members_.end(), same), "[module] \"{}\" is declared twice", member.name);
    members_.push_back(std::move(member));
}

std::vector<NamedParameter> Module::parameters() {
    std::vector<NamedParameter> found;
    collect("", found);
    return found;
}

void Module::collect(const std::string& prefix, std::vector<NamedParameter>& found) {
    for (const Member& member : members_)
        if (member.parameter) found.push_back({prefix + member.name, member.parameter});
        else member.module->collect(prefix + member.name + ".", found);
}

int64_t Module::parameter_count() {
    int64_t count = 0;
    for (const NamedParameter& named : parameters()) count += named.parameter->shape.numel();
    return count;
}

}  // namespace swingrad
