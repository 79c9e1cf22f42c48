// All options of the broker, each declared once: flags, environment variables, the configuration
// file, --help and docs/configuration.md are made from this table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/config/values.h"

namespace warren::config {

struct Option {
  std::string_view section;
  std::string_view key;
  std::string_view flag;      // without its dashes
  std::string_view type;      // HOST:PORT, SIZE, …; "": a switch, which needs no value as a flag
  std::string_view standard;  // the default, as it would be written
  std::string_view limits;    // unit and range, "" if the type says all
  std::string_view help;      // what it is, and what a wrong value costs
  std::string_view crash;     // what it means if the broker or the machine crashes
  // Takes one value; `repeated` ones take one after the other.
  Mistake (*set)(Config& config, std::string_view value);
  bool repeated = false;
  // Taken anew when the process gets SIGHUP.
  bool reloads = false;
  // Another name of the variable, for what is set in each broker's environment rather than in the
  // file that brokers share; "": none. The long one counts first.
  std::string_view short_variable = "";

  std::string Name() const { return std::string(section) + "." + std::string(key); }
  std::string Variable() const;  // WARREN_SECTION_KEY
};

const std::vector<Option>& Options();

// The text of --help, and the table of docs/configuration.md.
std::string HelpText();
std::string HelpMarkdown();

}  // namespace warren::config
