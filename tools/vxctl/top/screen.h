// SPDX-License-Identifier: BSD-3-Clause
// The terminal, by ncurses: taken over when a Screen is made, given back as it was when it goes. There is one at a
// time.
#pragma once

#include "dataplane/base/result.h"
#include "tools/vxctl/top/view.h"

#include <memory>
#include <optional>
#include <vector>

namespace vx::top
{

class Screen
{
public:
    // An Error: stdin and stdout are no terminal, or one that cannot do this.
    static Result<Screen> open();

    Size size() const;
    void show(const std::vector<Line>& lines);
    // A key that was pressed, without waiting for one. What has changed of the terminal's size is in size() then.
    std::optional<int> key();

private:
    struct Terminal;
    struct Restore {
        void operator()(Terminal* terminal) const;
    };
    explicit Screen(std::unique_ptr<Terminal, Restore> terminal) : terminal_(std::move(terminal)) {}

    std::unique_ptr<Terminal, Restore> terminal_;
};

} // namespace vx::top
