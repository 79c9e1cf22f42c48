// The table of options as text: for a terminal, and for docs/configuration.md.
#include <string>
#include <string_view>

#include "server/config/options.h"

namespace warren::config {
namespace {

constexpr size_t kWidth = 92;
constexpr std::string_view kIndent = "        ";

std::string FlagOf(const Option& option) {
  std::string flag = "--" + std::string(option.flag);
  if (!option.type.empty()) flag += "=" + std::string(option.type);
  return flag;
}

// `text` in lines of kWidth at most, each indented.
std::string Wrapped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t end = text.size();
    if (end > kWidth - kIndent.size()) {
      end = text.rfind(' ', kWidth - kIndent.size());
      if (end == std::string_view::npos) end = text.size();
    }
    out += std::string(kIndent) + std::string(text.substr(0, end)) + "\n";
    text.remove_prefix(end < text.size() ? end + 1 : end);
  }
  return out;
}

std::string Facts(const Option& option) {
  std::string facts = option.standard.empty() ? "No default" : "Default " + std::string(option.standard);
  if (!option.limits.empty()) facts += "; " + std::string(option.limits);
  if (option.repeated) facts += "; may be repeated";
  if (option.reloads) facts += "; SIGHUP reads it anew from the file";
  return facts + ". Crash: " + std::string(option.crash) + ".";
}

}  // namespace

std::string HelpText() {
  std::string out =
      "warren, a message broker: RabbitMQ's model behind gRPC\n"
      "\n"
      "  warren [FLAG…]          serve until SIGTERM or SIGINT\n"
      "  warren hash-password    read a password from standard input, print its hash for auth.users\n"
      "  warren probe PAGE [FLAG…]\n"
      "                          ask the broker that runs with this configuration for livez, readyz\n"
      "                          or startupz; 0 if all is well, 1 if not\n"
      "\n"
      "A flag counts over its environment variable, which counts over the file, which counts over\n"
      "the default. In a variable several values are parted by commas.\n"
      "\n"
      "  --config=FILE (WARREN_CONFIG)\n" +
      Wrapped("A YAML file with these options, by section and key.") +
      "  --validate\n" +
      Wrapped("Check the configuration and the files that it names, and exit: 0 if all is well, 2 "
              "if not.") +
      "  --version, --help\n";
  std::string_view section;
  for (const Option& option : Options()) {
    if (section != option.section) {
      section = option.section;
      out += "\n" + std::string(section) + "\n";
    }
    out += "  " + FlagOf(option) + " (" + option.Variable() + ", " + option.Name() + ")\n";
    out += Wrapped(std::string(option.help) + ".") + Wrapped(Facts(option));
  }
  return out;
}

std::string HelpMarkdown() {
  std::string out;
  std::string_view section;
  for (const Option& option : Options()) {
    if (section != option.section) {
      section = option.section;
      out += (out.empty() ? "" : "\n");
      out += "### " + std::string(section) + "\n\n| key, flag | what | default | unit, limits | "
             "crash |\n|---|---|---|---|---|\n";
    }
    out += "| `" + option.Name() + "`<br>`" + FlagOf(option) + "` | " + std::string(option.help) +
           (option.repeated ? "; may be repeated" : "") +
           (option.reloads ? "; SIGHUP reads it anew from the file" : "") + " | " +
           (option.standard.empty() ? "" : "`" + std::string(option.standard) + "`") + " | " +
           std::string(option.limits) + " | " + std::string(option.crash) + " |\n";
  }
  return out;
}

}  // namespace warren::config
