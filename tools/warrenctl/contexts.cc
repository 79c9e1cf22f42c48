#include "tools/warrenctl/contexts.h"

#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "warren/client/error.h"

namespace warren::tools {
namespace {

struct Choice {
  std::string file;
  std::string context;
};

void AddFlags(CLI::App& app, Choice& choice) {
  app.add_option("--context", choice.context, "Global options by this name; see --contexts")
      ->envname("WARRENCTL_CONTEXT");
  app.add_option("--contexts", choice.file, "YAML file of contexts (~/.config/warrenctl.yaml)")
      ->envname("WARRENCTL_CONTEXTS");
}

absl::Status Wrong(const std::string& message) {
  return client::MakeError(absl::StatusCode::kInvalidArgument, "CONTEXT_INVALID", message);
}

std::string DefaultFile() {
  if (const char* folder = std::getenv("XDG_CONFIG_HOME"); folder != nullptr && *folder != '\0') {
    return std::string(folder) + "/warrenctl.yaml";
  }
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : std::string(home) + "/.config/warrenctl.yaml";
}

std::string NamesIn(const YAML::Node& contexts) {
  std::string names;
  for (const auto& entry : contexts) {
    names += (names.empty() ? "" : ", ") + entry.first.as<std::string>();
  }
  return names.empty() ? "there are none" : "there are " + names;
}

absl::Status Apply(CLI::App& app, const Choice& choice, const YAML::Node& file) {
  const YAML::Node current = file["current"];
  const std::string name =
      choice.context.empty() && current ? current.as<std::string>() : choice.context;
  if (name.empty()) return absl::OkStatus();
  const YAML::Node contexts = file["contexts"];
  const YAML::Node context = contexts ? contexts[name] : YAML::Node(YAML::NodeType::Undefined);
  if (!context) return Wrong(choice.file + ": no context \"" + name + "\"; " + NamesIn(contexts));
  for (const auto& entry : context) {
    const auto key = entry.first.as<std::string>();
    CLI::Option* option = app.get_option_no_throw("--" + key);
    if (option == nullptr || key == "help" || key == "context" || key == "contexts") {
      return Wrong(choice.file + ": context \"" + name + "\" has \"" + key +
                   "\", which is no global option; see warrenctl --help");
    }
    option->default_val(entry.second.as<std::string>());
  }
  return absl::OkStatus();
}

}  // namespace

void AddContextFlags(CLI::App& app) {
  // Only for --help and so that they are known; ApplyContext reads them.
  static Choice ignored;
  AddFlags(app, ignored);
}

absl::Status ApplyContext(CLI::App& app, int argc, const char* const* argv) {
  // What the options mean, and so whether the line is right, is known only once the context is.
  Choice choice;
  CLI::App first;
  first.allow_extras();
  first.set_help_flag();
  AddFlags(first, choice);
  try {
    first.parse(argc, argv);
  } catch (const CLI::ParseError&) {
    return absl::OkStatus();  // the whole line's parser says it better
  }
  const bool asked = !choice.file.empty() || !choice.context.empty();
  if (choice.file.empty()) choice.file = DefaultFile();
  if (!asked && !std::filesystem::exists(choice.file)) return absl::OkStatus();
  try {
    return Apply(app, choice, YAML::LoadFile(choice.file));
  } catch (const YAML::BadFile&) {
    return Wrong("can't read \"" + choice.file + "\"");
  } catch (const YAML::Exception& error) {
    return Wrong(choice.file + ": " + error.what());
  } catch (const CLI::Error& error) {
    return Wrong(choice.file + ": " + error.what());
  }
}

}  // namespace warren::tools
