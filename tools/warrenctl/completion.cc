// warrenctl completion bash | zsh | fish: a script for the shell, from the commands as they are.
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "tools/warrenctl/command.h"

namespace warren::tools {
namespace {

// What may follow a chain of commands: "" or "queue" or "queue ls".
struct Follower {
  std::string word;
  std::string help;
};
using Followers = std::map<std::string, std::vector<Follower>>;

void Collect(const CLI::App& command, const std::string& chain, Followers& followers) {
  std::vector<Follower>& mine = followers[chain];
  for (const CLI::App* verb : command.get_subcommands({})) {
    mine.push_back({verb->get_name(), verb->get_description()});
    Collect(*verb, chain.empty() ? verb->get_name() : chain + " " + verb->get_name(), followers);
  }
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      mine.push_back({"--" + name, option->get_description()});
    }
  }
}

// In single quotes, for all three shells.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string Words(const std::vector<Follower>& followers) {
  std::string words;
  for (const Follower& follower : followers) words += (words.empty() ? "" : " ") + follower.word;
  return words;
}

// bash, and zsh by its emulation of bash's completions: the chain is the words that aren't flags, as
// far as they are commands.
void PrintBash(const Followers& followers) {
  std::cout << "_warrenctl() {\n"
               "  local chain='' word\n"
               "  local -A known=(\n";
  for (const auto& [chain, words] : followers) {
    std::cout << "    [" << Quoted("." + chain) << "]=" << Quoted(Words(words)) << "\n";
  }
  std::cout << "  )\n"
               "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
               "    [[ -n ${known[\".${chain:+$chain }$word\"]+x} ]] && chain=\"${chain:+$chain }$word\"\n"
               "  done\n"
               "  local all=${known[\".$chain\"]}\n"
               "  [[ -n $chain ]] && all+=\" \"$(tr ' ' '\\n' <<<\"${known['.']}\" | grep '^--' | tr '\\n' ' ')\n"
               "  COMPREPLY=($(compgen -W \"$all\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
               "}\n"
               "complete -o default -F _warrenctl warrenctl\n";
}

void PrintFish(const Followers& followers) {
  std::cout << "function __warrenctl_chain\n"
               "  set -l words (commandline -opc)\n"
               "  set -l chain\n"
               "  for word in $words[2..-1]\n"
               "    string match -q -- '-*' $word; or set -a chain $word\n"
               "  end\n"
               "  string join ' ' -- $chain\n"
               "end\n"
               "complete -c warrenctl -f\n";
  for (const auto& [chain, words] : followers) {
    const std::string condition = "-n " + Quoted("test (__warrenctl_chain) = " + Quoted(chain));
    for (const Follower& follower : words) {
      const bool flag = follower.word.rfind("--", 0) == 0;
      std::cout << "complete -c warrenctl " << (chain.empty() && flag ? "" : condition + " ")
                << (flag ? "-l " + follower.word.substr(2) : "-a " + follower.word) << " -d "
                << Quoted(follower.help) << "\n";
    }
  }
}

}  // namespace

void AddCompletionCommand(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("completion", "Print a script that completes commands in a shell");
  auto shell = std::make_shared<std::string>();
  verb->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""));
  verb->footer(
      "\nExamples:\n"
      "  warrenctl completion bash > ~/.local/share/bash-completion/completions/warrenctl\n"
      "  warrenctl completion fish > ~/.config/fish/completions/warrenctl.fish\n"
      "  source <(warrenctl completion zsh)");
  verb->callback([&app, &context, shell] {
    context.offline_action = [&app, shell] {
      Followers followers;
      Collect(app, "", followers);
      if (*shell == "fish") {
        PrintFish(followers);
      } else {
        if (*shell == "zsh") std::cout << "autoload -U +X bashcompinit && bashcompinit\n";
        PrintBash(followers);
      }
      return absl::OkStatus();
    };
  });
}

}  // namespace warren::tools
