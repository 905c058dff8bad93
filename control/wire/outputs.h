// SPDX-License-Identifier: BSD-3-Clause
// What a list of commands prints: for each of them a string, or JSON. Most commands of a batch print nothing, the empty
// string, and that is not kept.
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

namespace vx
{

class Outputs
{
public:
    using Json = nlohmann::ordered_json;
    using Printed = std::pair<std::size_t, Json>; // its place, and what it is

    Outputs() = default;
    Outputs(std::initializer_list<Json> outputs)
    {
        for (const Json& output : outputs)
            push_back(output);
    }

    void push_back(Json output)
    {
        if (!is_nothing(output))
            printed_.emplace_back(size_, std::move(output));
        ++size_;
    }
    void push_nothing() { ++size_; }
    // Precondition: not empty.
    void pop_back()
    {
        --size_;
        if (!printed_.empty() && printed_.back().first == size_)
            printed_.pop_back();
    }

    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }
    const Json& operator[](std::size_t index) const
    {
        const auto found = std::lower_bound(printed_.begin(), printed_.end(), index,
                                            [](const Printed& printed, std::size_t at) { return printed.first < at; });
        return found == printed_.end() || found->first != index ? kNothing : found->second;
    }
    const Json& front() const { return (*this)[0]; }
    const Json& back() const { return (*this)[size_ - 1]; }
    const std::vector<Printed>& printed() const { return printed_; } // in their order
    std::vector<Printed>& printed() { return printed_; }
    friend bool operator==(const Outputs&, const Outputs&) = default;

private:
    static bool is_nothing(const Json& output)
    {
        const auto* const text = output.get_ptr<const Json::string_t*>();
        return text != nullptr && text->empty();
    }

    inline static const Json kNothing = "";
    std::size_t size_ = 0;
    std::vector<Printed> printed_;
};

} // namespace vx
