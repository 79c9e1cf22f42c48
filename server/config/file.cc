#include "server/config/file.h"

#include <yaml-cpp/yaml.h>

#include <exception>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace warren::config {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
// A value has to be a scalar, a list or a map of them. More of them than this is no configuration.
constexpr size_t kMaxValues = 10'000;

absl::Status Fault(const std::string& path, int line, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ":", line, ": ", absl::string_view(what.data(), what.size())));
}

int LineOf(const YAML::Node& node) { return node.Mark().line + 1; }

bool TakeValue(const YAML::Node& node, std::vector<std::string>& values) {
  if (node.IsNull()) {
    values.emplace_back();
    return true;
  }
  if (!node.IsScalar() || values.size() >= kMaxValues) return false;
  values.push_back(node.Scalar());
  return true;
}

bool TakeValues(const YAML::Node& node, std::vector<std::string>& values) {
  if (node.IsSequence()) {
    for (const YAML::Node& element : node) {
      if (!TakeValue(element, values)) return false;
    }
    return true;
  }
  if (!node.IsMap()) return TakeValue(node, values);
  for (const auto& entry : node) {
    if (!entry.first.IsScalar() || !TakeValue(entry.second, values)) return false;
    values.back() = entry.first.Scalar() + "=" + values.back();
  }
  return true;
}

absl::StatusOr<FileValues> Flatten(const YAML::Node& root, const std::string& path) {
  FileValues found;
  if (root.IsNull()) return found;
  if (!root.IsMap()) return Fault(path, LineOf(root), "expected sections, such as server:");
  for (const auto& section : root) {
    const int line = LineOf(section.first);
    if (!section.first.IsScalar()) return Fault(path, line, "a section's name is no text");
    const std::string name = section.first.Scalar();
    if (section.second.IsNull()) continue;
    if (!section.second.IsMap()) {
      return Fault(path, line, absl::StrCat("\"", name, "\" is no section; options stand in "
                                            "sections, such as server: {listen: …}"));
    }
    for (const auto& option : section.second) {
      const int at = LineOf(option.first);
      if (!option.first.IsScalar()) return Fault(path, at, "an option's name is no text");
      const std::string key = absl::StrCat(name, ".", option.first.Scalar());
      FileValue value{.line = at, .values = {}};
      if (!TakeValues(option.second, value.values)) {
        return Fault(path, at, absl::StrCat(key, " is neither a value nor a list or map of values"));
      }
      if (!found.emplace(key, std::move(value)).second) {
        return Fault(path, at, absl::StrCat(key, " stands here twice"));
      }
    }
  }
  return found;
}

}  // namespace

absl::StatusOr<FileValues> ParseConfigFile(const std::string& text, const std::string& path) {
  try {
    return Flatten(YAML::Load(text), path);
  } catch (const YAML::Exception& error) {
    return Fault(path, error.mark.line + 1, error.msg);
  } catch (const std::exception& error) {
    return Fault(path, 1, error.what());
  }
}

absl::StatusOr<FileValues> ReadConfigFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (!file.eof() && text.empty()) {
    return absl::NotFoundError(absl::StrCat("can't read \"", path, "\""));
  }
  if (text.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", path, "\" is larger than ", kMaxFileBytes, " bytes"));
  }
  return ParseConfigFile(text, path);
}

}  // namespace warren::config
