// SPDX-License-Identifier: BSD-3-Clause
#include "control/config/config_file.h"

#include "dataplane/base/file_descriptor.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace vx
{

Result<ConfigFile> ConfigFile::read(std::string path)
{
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file)
        return vx::error("config file {}: {}", path, std::strerror(errno));
    std::string text;
    std::array<char, 64 << 10> chunk;
    for (;;) {
        const ssize_t size = ::read(file.get(), chunk.data(), chunk.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return vx::error("config file {}: {}", path, std::strerror(errno));
        if (size == 0)
            break;
        text.append(chunk.data(), static_cast<std::size_t>(size));
    }
    auto script = parse_script(text, path);
    if (!script)
        return std::move(script).error();
    return ConfigFile(std::move(path), *std::move(script));
}

} // namespace vx
