// SPDX-License-Identifier: BSD-3-Clause
// A cursor over the words of one command, with typed readers. Every error names the word, its position in the
// command (from 1, the noun being word 1) and what was expected in its place.
//
//   Result<Reply> fdb_append(Transaction& transaction, Words& words)
//   {
//       auto lladdr = words.mac();
//       if (!lladdr)
//           return std::move(lladdr).error();
//       while (!words.done()) {
//           if (words.take("dst")) { ... words.address() ... }
//           else if (words.take("self")) { ... }
//           else
//               return words.unexpected();
//       }
//       if (auto end = words.finish(); !end)
//           return std::move(end).error();
//
// An option that comes twice is noticed here: take() remembers it, and the next typed reader or finish() returns the
// error, so a handler needs no code for it but must end in finish().
#pragma once

#include "control/grammar/command_options.h"
#include "control/wire/wire.h"
#include "dataplane/base/result.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/vni.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vx
{

class Words
{
public:
    // `next` is the index of the first word after noun and verb. The views must outlive the cursor.
    Words(CommandView words, std::size_t next, std::string_view noun, std::string_view verb, std::string_view usage,
          const CommandOptions& options = {})
        : words_(words), next_(next), noun_(noun), verb_(verb), usage_(usage), options_(options)
    {
    }

    const CommandOptions& options() const { return options_; }
    bool done() const { return next_ >= words_.size(); }
    std::string_view peek() const { return done() ? std::string_view{} : words_[next_]; }

    // Takes the next word if it is exactly `keyword`. A keyword that comes twice in a command is an error.
    bool take(std::string_view keyword);
    // The same, abbreviated as ip(8) has it for many of its keywords: what a word means is the first in `order` that it
    // is, or is the beginning of. `order` is ip's, with what vxd does not support.
    bool take(std::string_view keyword, std::span<const std::string_view> order);
    // The same for one that may come again ("nexthop", or "dev" as a mere prefix).
    bool take_again(std::string_view keyword);
    // Whether the next word is the command's positional value, which may stand anywhere among its keywords, as with ip:
    // by itself or behind `introducer` ("to"), which is taken; once. Keywords go first, those that the command takes
    // and those of ip that it refuses, `unsupported`.
    bool take_positional(std::string_view introducer, std::span<const std::string_view> unsupported);
    // "learning" or "nolearning" for take_switch("learning"); one of them, once; abbreviated only with an `order`.
    std::optional<bool> take_switch(std::string_view keyword, std::span<const std::string_view> order = {});
    // The keyword that the next word is or abbreviates; empty if it is none.
    std::string_view meaning(std::span<const std::string_view> order) const;

    // Readers of one value; an address or a prefix has to be of the family that the options say, and may be as short as
    // iproute2 has it ("10/8"). `what` names it in errors as the usage does: "NAME", "FILE".
    Result<std::string_view> text(std::string_view what);
    Result<Mac> mac(std::string_view what = "LLADDR");
    Result<IpAddress> address(std::string_view what = "ADDR");
    Result<IpPrefix> prefix(std::string_view what = "PREFIX"); // "default" and "any" are left to the caller
    Result<std::uint32_t> number(std::string_view what, std::uint32_t min, std::uint32_t max); // decimal or 0x...
    Result<Vni> vni(std::string_view what = "VNI");
    Result<std::string_view> device_name(std::string_view what = "DEV"); // what Linux takes as an interface name
    Result<std::size_t> choice(std::string_view what, std::span<const std::string_view> choices); // its index

    // The error for a next word that is no option of this command.
    Error unexpected() const;
    // The error for the word just read, when the caller finds it wrong: "fdb append: "x" <message> (word 4)".
    Error invalid(std::string_view message) const;
    // The error for a required option that never came: "fdb append: "dev" is missing; usage: ...".
    Error missing(std::string_view keyword) const;
    // No words may be left, and no option may have come twice.
    Result<> finish() const;

    // "fdb append", for messages; and its whole usage, "fdb append LLADDR dev DEV ...".
    std::string name() const;
    std::string usage() const;

private:
    Result<std::string_view> value(std::string_view what, std::string_view expected);
    Error wrong(std::string_view is_not, std::string_view expected) const;
    void remember(std::string_view keyword);
    bool has_taken(std::string_view keyword) const;
    Result<> check_family(Family family) const;

    CommandView words_;
    std::size_t next_;
    std::string_view noun_, verb_, usage_;
    CommandOptions options_;
    std::string_view keyword_; // taken last, with no value read since
    // Every option so far; most commands have few.
    std::array<std::string_view, 4> taken_;
    std::size_t taken_count_ = 0;
    std::vector<std::string_view> taken_more_;
    std::optional<Error> duplicate_;
    bool has_positional_ = false;
};

// Linux's dev_valid_name(): 1..15 bytes, not "." or "..", no '/', no ':', no white space.
bool is_device_name(std::string_view name);

// A word for messages: quoted, without control characters, and not longer than a line.
std::string in_quotes(std::string_view word);

} // namespace vx
