// What a command says, and what becomes of it where nobody can read that.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace swingrad {

// Puts /dev/null in the place of each of standard input, output and error that is closed, so that no file gets its
// number and then the program's words. To write to it fails as before.
void reserve_standard_descriptors();

// Brings to its reader what was printed on standard output. Throws an Error where that cannot be:
//   cannot write to standard output: No space left on device
void flush_output();

// A line on standard output, at once. Returns false where its reader has gone and that counts as an interruption
// (train/program/console/interrupt.h); throws the same Error otherwise.
bool print_line(const std::string& line);

// `text` into the file of that name: a new one, or in the place of the old one, all at once (core/io/file.h). Into a
// pipe or a device, such as /dev/stdout, it goes as it is. Throws an Error.
void write_output(const std::filesystem::path& path, std::string_view text);
// Throws an Error where `path` is a file that holds anything but what begins so: not this program's, and lost if it
// were written over. A pipe, a device and a file that is empty or missing will do.
void require_replaceable(const std::string& flag, const std::filesystem::path& path, std::string_view beginning);
// Whether that would go where this program prints: /dev/stdout, or the file that it stands for.
bool is_standard_output(const std::filesystem::path& path);

// Text on standard error, where nothing more can be done if nobody can read it.
void complain(const std::string& text);

// From now on print_line, warn and Progress say nothing: of several processes that train together, one speaks. What
// ends the program is said.
void be_silent();
bool is_silent();

// The name that lines on standard error begin with: "swingrad" until run_commands says what program this is.
void set_program_name(std::string_view name);
const char* program_name();

// A line on standard error after the program's name, with nothing in it that a terminal obeys.
void warn(const std::string& text);

}  // namespace swingrad
