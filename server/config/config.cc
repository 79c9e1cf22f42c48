#include "server/config/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>

#include "server/config/file.h"
#include "server/config/memory.h"
#include "server/config/options.h"
#include "server/config/version.h"

extern char** environ;

namespace warren::config {
namespace {

constexpr int kUsageError = 2;

// What one of the places says about an option.
struct Told {
  std::string where;  // for errors: --listen, WARREN_SERVER_LISTEN, warren.yaml:3: server.listen
  std::vector<std::string> values;
  std::string_view origin;  // as in Setting::origin
};
using Settings = std::map<std::string, Told>;  // by "section.key"

std::string SpillDirectory(const std::string& storage) {
  constexpr std::string_view kEmbedded = "rocksdb:";
  if (storage.starts_with(kEmbedded)) return storage.substr(kEmbedded.size());
  std::error_code unknown;
  return std::filesystem::temp_directory_path(unknown).string();
}

std::string Suggestion(const std::string& nearest) {
  return nearest.empty() ? "; --help lists all" : "; is " + nearest + " meant?";
}

template <typename NameOf>
std::vector<std::string> NamesOf(NameOf name_of) {
  std::vector<std::string> names;
  for (const Option& option : Options()) names.push_back(name_of(option));
  return names;
}

// What the command line says.
class CommandLine {
 public:
  CommandLine() : app_("", "warren") {
    app_.set_help_flag();
    app_.allow_extras();
    app_.add_flag("--help,-h", help_);
    app_.add_flag("--help-markdown", help_markdown_);  // for docs/configuration.md
    app_.add_flag("--version", version_);
    app_.add_flag("--validate", validate_);
    app_.add_option("--config", file_)->allow_extra_args(false)->take_last();
    for (const Option& option : Options()) {
      const std::string flag = "--" + std::string(option.flag);
      std::vector<std::string>& values = values_[option.Name()];
      CLI::Option* added = option.type.empty()
                               ? app_.add_flag(flag, values)
                               : app_.add_option(flag, values)->allow_extra_args(false);
      if (!option.repeated) added->take_last();
    }
  }

  // What is wrong, if anything is.
  Mistake Parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    for (const std::string& word : app_.remaining()) {
      std::vector<std::string> names = NamesOf([](const Option& o) { return "--" + std::string(o.flag); });
      names.insert(names.end(), {"--config", "--validate", "--help", "--version"});
      return "unknown argument \"" + word + "\"" +
             Suggestion(Nearest(word.substr(0, word.find('=')), names));
    }
    return std::nullopt;
  }

  // Help or the version, if that is what was asked for.
  std::optional<std::string> Printed() const {
    if (help_) return HelpText();
    if (help_markdown_) return HelpMarkdown();
    if (version_) return "warren " + std::string(kVersion) + "\n";
    return std::nullopt;
  }

  bool validate() const { return validate_; }
  const std::string& file() const { return file_; }

  void AddTo(Settings& settings) const {
    for (const Option& option : Options()) {
      const auto& values = values_.at(option.Name());
      if (values.empty()) continue;
      settings.try_emplace(option.Name(), Told{"--" + std::string(option.flag), values, "flag"});
    }
  }

 private:
  CLI::App app_;
  bool help_ = false;
  bool help_markdown_ = false;
  bool version_ = false;
  bool validate_ = false;
  std::string file_;
  std::map<std::string, std::vector<std::string>> values_;
};

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

void AddEnvironment(Settings& settings) {
  for (const Option& option : Options()) {
    std::string variable = option.Variable();
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr && !option.short_variable.empty()) {
      variable = option.short_variable;
      value = std::getenv(variable.c_str());
    }
    if (value == nullptr) continue;
    Told setting{variable, {value}, "environment"};
    if (option.repeated) setting.values = SplitAtCommas(value);
    settings.try_emplace(option.Name(), std::move(setting));
  }
}

// Variables that look like ours and aren't. Those that Kubernetes makes for a service called
// warren-… (WARREN_TLS_SERVICE_HOST, WARREN_TLS_PORT…) look the same and mean nothing.
Mistake UnknownVariable() {
  const std::vector<std::string> known = NamesOf([](const Option& o) { return o.Variable(); });
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    const bool ours = std::any_of(Options().begin(), Options().end(), [&](const Option& o) {
      const std::string variable = o.Variable();
      return name.starts_with(variable.substr(0, variable.size() - o.key.size()));
    });
    const bool of_a_service = name.find("_SERVICE_") != std::string::npos ||
                              name.find("_PORT") != std::string::npos;
    if (!ours || of_a_service || std::find(known.begin(), known.end(), name) != known.end()) continue;
    return "unknown environment variable " + name + Suggestion(Nearest(name, known));
  }
  return std::nullopt;
}

// What is wrong in the file, if anything is.
Mistake AddFile(const std::string& path, Settings& settings) {
  auto found = ReadConfigFile(path);
  if (!found.ok()) return std::string(found.status().message());
  const std::vector<std::string> known = NamesOf([](const Option& o) { return o.Name(); });
  for (auto& [name, value] : *found) {
    const std::string where = path + ":" + std::to_string(value.line) + ": ";
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return where + "unknown option " + name + Suggestion(Nearest(name, known));
    }
    settings.try_emplace(name, Told{where + name, std::move(value.values), "file"});
  }
  return std::nullopt;
}

// The mistakes, one a line.
std::vector<std::string> Apply(const Settings& settings, Config& config) {
  std::vector<std::string> mistakes;
  for (const Option& option : Options()) {
    const auto setting = settings.find(option.Name());
    if (setting == settings.end()) continue;
    const auto& [where, values, origin] = setting->second;
    if (values.size() > 1 && !option.repeated) {
      mistakes.push_back(where + " takes one value, not a list");
      continue;
    }
    for (const std::string& value : values) {
      if (Mistake mistake = option.set(config, value)) mistakes.push_back(where + ": " + *mistake);
    }
  }
  return mistakes;
}

// All options, defaults included, by key.
std::vector<Setting> InEffect(const Settings& told, const Config& config) {
  // Defaults that depend on the machine or on other options.
  const std::map<std::string, std::string> found_out = {
      {"memory.limit", std::to_string(config.memory_limit)},
      {"memory.spill_dir", config.spill_directory}};
  std::vector<Setting> settings;
  for (const Option& option : Options()) {
    Setting& setting =
        settings.emplace_back(Setting{option.Name(), std::string(option.standard), "default"});
    const auto found = told.find(setting.key);
    if (found == told.end()) {
      if (const auto it = found_out.find(setting.key); it != found_out.end()) {
        setting.value = it->second;
      }
      continue;
    }
    setting.origin = found->second.origin;
    setting.value.clear();
    for (const std::string& value : found->second.values) {
      setting.value += (setting.value.empty() ? "" : ",") + value;
    }
  }
  std::sort(settings.begin(), settings.end(),
            [](const Setting& a, const Setting& b) { return a.key < b.key; });
  return settings;
}

// What single options can't tell.
void CheckTogether(const Config& config, std::vector<std::string>& mistakes) {
  if (config.tls.certificate.empty() != config.tls.key.empty()) {
    mistakes.emplace_back("tls.certificate and tls.key go together; one of them is missing");
  }
  if (config.tls.certificate.empty() && !config.tls.client_ca.empty()) {
    mistakes.emplace_back("tls.client_ca needs tls.certificate and tls.key");
  }
  if (config.tls.client_ca.empty() &&
      config.tls.client_certificates == ClientCertificates::kRequired) {
    mistakes.emplace_back("tls.client_certificates is required, but tls.client_ca is missing");
  }
  if (config.auth.users.empty() && !config.auth.token_keys.empty()) {
    mistakes.emplace_back("auth.token_keys needs auth.users, which says what a token's user may do");
  }
  if (IsLoopback(config.listen) || config.auth.insecure) return;
  // Another store may have users in it; whether it has is known once it has been read.
  if (config.auth.users.empty() && config.storage.starts_with("memory:")) {
    mistakes.push_back(NoUsersMistake(config));
  }
  if (config.tls.certificate.empty()) {
    mistakes.push_back("server.listen is " + config.listen +
                       ", which others reach, without TLS: set tls.certificate and tls.key, or "
                       "listen on 127.0.0.1, or say --insecure");
  }
}

std::variant<Config, int> Fail(const std::vector<std::string>& mistakes) {
  for (const std::string& mistake : mistakes) std::cerr << "warren: " << mistake << "\n";
  return kUsageError;
}

// The configuration, or what is wrong with it.
std::variant<Config, std::vector<std::string>> Load(const CommandLine& command_line) {
  using Mistakes = std::vector<std::string>;
  Config config;
  config.validate = command_line.validate();
  config.file = command_line.file();
  const char* file = std::getenv("WARREN_CONFIG");
  if (config.file.empty() && file != nullptr) config.file = file;

  Settings settings;  // whoever comes first counts
  command_line.AddTo(settings);
  AddEnvironment(settings);
  if (Mistake mistake = UnknownVariable()) return Mistakes{*mistake};
  if (!config.file.empty()) {
    if (Mistake mistake = AddFile(config.file, settings)) return Mistakes{*mistake};
  }
  Mistakes mistakes = Apply(settings, config);
  if (mistakes.empty()) CheckTogether(config, mistakes);
  if (!mistakes.empty()) return mistakes;
  if (config.spill_directory.empty()) config.spill_directory = SpillDirectory(config.storage);
  if (config.memory_limit == 0) config.memory_limit = AvailableMemory() / 10 * 6;
  config.settings = InEffect(settings, config);
  return config;
}

}  // namespace

bool MustHaveUsers(const Config& config) {
  return !IsLoopback(config.listen) && !config.auth.insecure;
}

std::string NoUsersMistake(const Config& config) {
  return "server.listen is " + config.listen +
         ", which others reach, and there are no users: set auth.users, or listen on 127.0.0.1, or "
         "say --insecure";
}

std::variant<Config, int> ParseConfig(int argc, const char* const* argv) {
  CommandLine command_line;
  if (Mistake mistake = command_line.Parse(argc, argv)) return Fail({*mistake});
  if (const auto text = command_line.Printed()) {
    std::cout << *text;
    return 0;
  }
  auto loaded = Load(command_line);
  if (auto* mistakes = std::get_if<std::vector<std::string>>(&loaded)) return Fail(*mistakes);
  return std::get<Config>(std::move(loaded));
}

std::string AdvertisedAddress(const Config& config, std::string_view bound,
                              std::string_view host) {
  if (!config.advertise.empty()) return config.advertise;
  if (!IsWildcard(bound)) return std::string(bound);
  return std::string(host) + std::string(bound.substr(bound.rfind(':')));
}

absl::StatusOr<Config> ReloadConfig(int argc, const char* const* argv) {
  CommandLine command_line;
  if (Mistake mistake = command_line.Parse(argc, argv)) {
    return absl::InvalidArgumentError(*mistake);
  }
  auto loaded = Load(command_line);
  if (auto* mistakes = std::get_if<std::vector<std::string>>(&loaded)) {
    return absl::InvalidArgumentError(mistakes->front());
  }
  return std::get<Config>(std::move(loaded));
}

}  // namespace warren::config
