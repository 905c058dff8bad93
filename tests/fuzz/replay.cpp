// SPDX-License-Identifier: BSD-3-Clause
// Runs the targets over files, without libFuzzer: fuzz_replay CORPUS, where CORPUS/TARGET/ holds each target's inputs,
// or fuzz_replay TARGET FILE... An input that breaks an invariant ends the process; its name is the last word.
#include "tests/fuzz/target.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

// The sanitizers' hook; absent where nothing is sanitized.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace
{

namespace fs = std::filesystem;
using namespace vx::fuzz;

struct Target {
    std::string_view name;
    void (*run)(Input);
};
constexpr Target kTargets[] = {
    {"outer_parse", outer_parse}, {"inner_parse", inner_parse}, {"control_protocol", control_protocol},
    {"pipeline", pipeline},       {"vnet_header", vnet_header},
};

// For the handler: what runs now. Never destroyed, for LeakSanitizer looks last of all.
std::string& current_input = *new std::string;

void name_current_input()
{
    const std::string text = "the input is " + current_input + "\n";
    if (::write(STDERR_FILENO, text.data(), text.size()) < 0)
        return; // nobody is left to tell
}

void on_signal(int number)
{
    name_current_input();
    std::signal(number, SIG_DFL);
    std::raise(number);
}

void run_file(const Target& target, const fs::path& path)
{
    std::ifstream file{path, std::ios::binary};
    const std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
    require(file.good() || file.eof(), "an input can be read");
    current_input = path.string();
    target.run({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::vector<fs::path> files_in(const fs::path& directory)
{
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator{directory})
        found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

// In a process of its own: DPDK starts once in each, and one target's end is not the others'.
bool replay_apart(const Target& target, const std::vector<fs::path>& files)
{
    const pid_t child = fork();
    if (child == 0) {
        for (const fs::path& path : files)
            run_file(target, path);
        std::exit(0); // with the leak check
    }
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int replay_corpus(const fs::path& corpus)
{
    unsigned passed = 0, failed = 0;
    for (const Target& target : kTargets) {
        const fs::path directory = corpus / target.name;
        const std::vector<fs::path> files = fs::is_directory(directory) ? files_in(directory) : std::vector<fs::path>{};
        const bool is_good = !files.empty() && replay_apart(target, files);
        ++(is_good ? passed : failed);
        fmt::print("{} {}: {} inputs\n", is_good ? "PASS" : "FAIL", target.name, files.size());
        std::fflush(stdout);
    }
    fmt::print("{} passed, {} failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv)
{
    for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
        if (__sanitizer_set_death_callback == nullptr || number == SIGABRT)
            std::signal(number, on_signal);
    if (__sanitizer_set_death_callback != nullptr)
        __sanitizer_set_death_callback(name_current_input);
    const std::vector<std::string> words{argv + 1, argv + argc};
    if (words.size() == 1 && fs::is_directory(words.front()))
        return replay_corpus(words.front());
    const auto* target = std::find_if(std::begin(kTargets), std::end(kTargets),
                                      [&](const Target& t) { return !words.empty() && t.name == words.front(); });
    if (target == std::end(kTargets) || words.size() < 2) {
        fmt::print(stderr, "usage: fuzz_replay CORPUS | fuzz_replay TARGET FILE...\n");
        return 2;
    }
    for (std::size_t i = 1; i < words.size(); ++i)
        run_file(*target, words[i]);
    return 0;
}
