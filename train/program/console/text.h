// Text on its way into a document: class names, paths and messages may hold anything.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace swingrad {

// One line of valid UTF-8: control characters become spaces, bytes that are no UTF-8 the replacement character.
std::string printable(const std::string& text);

// The same with what HTML and XML take for markup as entities; fit for attributes in double quotes too.
std::string escaped(const std::string& text);

// As a shell takes it for one word, on one line, with nothing in it that a terminal obeys.
std::string shell_word(const std::string& text);
// The same of a path in a command, which no program shall take for a flag: of "-n", "./-n".
std::string path_word(const std::filesystem::path& path);

// Absolute paths cut down to their last name, also behind a colon or an equals sign: "folder:/home/ada/cifar" becomes
// "folder:.../cifar". What tells of a run shall not tell whose machine it was.
std::string without_folders(const std::string& word);

// For data: URIs (RFC 4648).
std::string base64(std::string_view bytes);

}  // namespace swingrad
