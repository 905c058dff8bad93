// SPDX-License-Identifier: BSD-3-Clause
// A config file: a list of commands in vxctl's words, one a line, '#' for comments, applied as one transaction.
#pragma once

#include "control/wire/wire.h"
#include "dataplane/base/result.h"

#include <string>

namespace vx
{

class ConfigFile
{
public:
    static Result<ConfigFile> read(std::string path);

    const std::string& path() const { return path_; }
    const CommandList& commands() const { return script_.commands; }
    // What went wrong with a command, with its place before it: "FILE:7: fdb append: ...".
    Error error_at(std::size_t command_index, Error failure) const
    {
        return at_line(path_, script_.lines[command_index], std::move(failure));
    }

private:
    ConfigFile(std::string path, Script script) : path_(std::move(path)), script_(std::move(script)) {}

    std::string path_;
    Script script_;
};

} // namespace vx
