// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/case.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>

namespace vx::test
{

namespace fs = std::filesystem;

namespace
{

std::string text_of(const fs::path& path)
{
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<std::string> split(const std::string& text, char at)
{
    std::vector<std::string> parts;
    std::istringstream stream{text};
    for (std::string part; std::getline(stream, part, at);)
        parts.push_back(part);
    return parts;
}

// One line a frame: where its partial checksum starts, and where from there its field is; what kind of GSO frame it is,
// by the number of its enumerator, the size of its segments' payload, and of its outer headers.
Result<> read_notes(const fs::path& path, Injection& injection)
{
    std::ifstream file{path};
    for (MbufShape& shape : injection.shapes) {
        MbufNote note;
        unsigned gso = 0, outer_size = 0;
        if (!(file >> note.checksum_start >> note.checksum_offset >> gso >> note.gso_size >> outer_size))
            return error("{}: expected a line \"START OFFSET GSO SIZE OUTER\" for each frame", path.string());
        note.outer_size = static_cast<std::uint8_t>(outer_size);
        note.gso = static_cast<Gso>(gso);
        shape.note = note;
    }
    return Ok{};
}

// "01-docker1.partial.split128.pcap"; the notes, if any, are beside it: "01-docker1.partial.split128.notes".
Result<Injection> read_injection(const fs::path& path, MbufShape::Buffers buffers)
{
    const std::string name = path.filename();
    std::vector<std::string> words = split(name.substr(name.find('-') + 1), '.');
    words.pop_back();
    Injection injection;
    injection.link = words.front();
    MbufShape shape;
    shape.buffers = buffers;
    for (std::size_t i = 1; i < words.size(); ++i)
        if (auto added = shape.add(words[i]); !added)
            return error("{}: {}", path.string(), added.error().message);
    auto frames = read_pcap(path);
    if (!frames)
        return std::move(frames).error();
    injection.frames = std::move(*frames);
    injection.shapes.assign(injection.frames.size(), shape);
    if (fs::path notes = fs::path{path}.replace_extension("notes"); fs::exists(notes))
        if (auto read = read_notes(notes, injection); !read)
            return std::move(read).error();
    return injection;
}

Result<> read_step(const fs::path& path, MbufShape::Buffers buffers, std::vector<Step>& steps)
{
    const std::string name = path.filename();
    const fs::path extension = path.extension();
    if (extension == ".notes")
        return Ok{}; // read with their frames
    const bool joins = extension == ".pcap" && !steps.empty() && !steps.back().injections.empty() &&
                       steps.back().name.substr(0, 2) == name.substr(0, 2);
    if (!joins)
        steps.emplace_back().name = name;
    Step& step = steps.back();
    if (extension == ".pcap") {
        auto injection = read_injection(path, buffers);
        if (!injection)
            return std::move(injection).error();
        step.injections.push_back(std::move(*injection));
    } else if (extension == ".commands") {
        step.commands = text_of(path);
    } else if (extension == ".wait") {
        if (!(std::istringstream{text_of(path)} >> step.wait_seconds))
            return error("{}: expected a number of seconds", path.string());
    } else {
        return error("{}: expected .pcap, .commands, .wait or .notes", path.string());
    }
    return Ok{};
}

// "LINK REASON COUNT"
Result<> read_drops(const fs::path& path, DropCounts& drops)
{
    std::ifstream file{path};
    std::string link, reason;
    std::uint64_t count = 0;
    while (file >> link >> reason >> count)
        drops[{link, reason}] = count;
    return file.eof() ? Result<>{Ok{}} : error("{}: expected lines \"LINK REASON COUNT\"", path.string());
}

Result<> read_limits(const fs::path& path, std::map<std::string, unsigned>& limits)
{
    std::ifstream file{path};
    std::string name;
    unsigned count = 0;
    while (file >> name >> count)
        limits[name] = count;
    return file.eof() ? Result<>{Ok{}} : error("{}: expected lines \"pool COUNT\" or \"LINK COUNT\"", path.string());
}

Result<> read_file(const fs::path& path, MbufShape::Buffers buffers, Case& made)
{
    constexpr std::string_view kExpect = "expect-";
    const std::string name = path.filename();
    if (name.size() > 2 && std::isdigit(static_cast<unsigned char>(name[0])) != 0 && (name[2] == '-' || name[2] == '.'))
        return read_step(path, buffers, made.steps);
    if (name == "drops")
        return read_drops(path, made.drops);
    if (name == "limits")
        return read_limits(path, made.limits);
    if (name == "setup") {
        made.setup = text_of(path);
    } else if (name == "expect-fdb") {
        made.fdb = text_of(path);
    } else if (name.starts_with(kExpect) && path.extension() == ".pcap") {
        auto frames = read_pcap(path);
        if (!frames)
            return std::move(frames).error();
        made.expected[path.stem().string().substr(kExpect.size())] = std::move(*frames);
    } else {
        return error("{}: a case has no such file", path.string());
    }
    return Ok{};
}

} // namespace

Result<Case> Case::read(const fs::path& directory, MbufShape::Buffers buffers)
{
    Case made;
    made.directory = directory;
    made.name = directory.filename();
    std::vector<fs::path> paths{fs::directory_iterator{directory}, {}};
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths)
        if (auto read = read_file(path, buffers, made); !read)
            return std::move(read).error();
    if (made.setup.empty())
        return error("{}: there is no setup", directory.string());
    return made;
}

} // namespace vx::test
