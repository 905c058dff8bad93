// SPDX-License-Identifier: BSD-3-Clause
// The rows of an answer: made in the one form that was asked for, with a step of the request's Budget and its memory
// for each. Whatever shows something that can be long prints through it.
#pragma once

#include "control/grammar/command.h"
#include "control/transaction/transaction.h"

#include <cstddef>
#include <string>
#include <utility>

namespace vx
{

// About how much memory a JSON value takes.
std::size_t size_of(const nlohmann::ordered_json& json);
inline std::size_t size_of(const Reply& reply)
{
    return reply.text.capacity() + size_of(reply.json);
}

class Rows
{
public:
    explicit Rows(const Transaction& transaction)
        : budget_(transaction.budget()), is_json_(transaction.format() == Format::kJson)
    {
    }
    ~Rows() { budget_.release(held_); } // whoever takes the answer holds it from then on
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;

    // text(std::string& to) appends a row as text, json() makes it as JSON: one of them is called.
    template <typename Text, typename ToJson>
    void add(Text text, ToJson json)
    {
        budget_.step();
        ++count_;
        if (is_json_) {
            json_.push_back(json());
            hold(size_of(json_.back()));
        } else {
            const std::size_t before = text_.size();
            text(text_);
            hold(text_.size() - before);
        }
    }
    std::size_t count() const { return count_; }
    std::string take_text() { return std::move(text_); }
    nlohmann::ordered_json take_json() { return std::move(json_); }
    Reply reply()
    {
        Reply reply;
        reply.text = take_text();
        reply.json = take_json();
        return reply;
    }

private:
    void hold(std::size_t size)
    {
        held_ += size;
        budget_.hold(size);
    }

    Budget& budget_;
    const bool is_json_;
    std::size_t count_ = 0;
    std::size_t held_ = 0;
    std::string text_;
    nlohmann::ordered_json json_ = nlohmann::ordered_json::array();
};

} // namespace vx
