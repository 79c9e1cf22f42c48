// warrenctl user ls | set | rm, warrenctl permission ls | set | clear
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

// The first line of a file, of standard input for "-".
absl::StatusOr<std::string> ReadLine(const std::string& path) {
  std::string line;
  if (path == "-") {
    if (std::getline(std::cin, line)) return line;
    return WrongArgument("expected a line on standard input");
  }
  std::ifstream file(path);
  if (!std::getline(file, line)) return WrongArgument("can't read \"" + path + "\"");
  return line;
}

void AddUserList(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("ls", "List users");
  context.OnChosen(verb, [&context](client::Connection& connection) {
    v1::ListUsersRequest request;
    request.set_page_size(kPageSize);
    return PrintList(
        context, connection, &client::Admin::Stub::ListUsers, request,
        [](const v1::ListUsersResponse& page) { return page.users(); },
        [](const v1::User& user) {
          std::vector<std::string> hosts;
          for (const auto& [host, permissions] : user.permissions()) hosts.push_back(host);
          return Json{{"name", user.name()},
                      {"tags", Joined(user.tags())},
                      {"password", user.has_password() ? "yes" : "no"},
                      {"certificates", Joined(user.certificates())},
                      {"vhosts", Joined(hosts)},
                      {"kept in", user.configured() ? "users file" : "store"}};
        });
  });
}

void AddUserSet(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand(
      "set", "Make a user, or give one another password, certificates and tags");
  auto request = std::make_shared<v1::PutUserRequest>();
  struct Sources {
    std::string password;
    std::string hash;
    std::vector<std::string> tags;
    std::vector<std::string> certificates;
  };
  auto sources = std::make_shared<Sources>();
  verb->add_option("NAME", *request->mutable_name(), "Their name")->required();
  CLI::Option* password = verb->add_option(
      "--new-password-file", sources->password,
      "File with the password in its first line; - reads standard input; left out: as it is");
  verb->add_option("--hash-file", sources->hash,
                   "File with what `warren hash-password` prints, or rabbitmq-sha256:…; - as above")
      ->excludes(password);
  verb->add_option("--tag", sources->tags,
                   "administrator, monitoring, policymaker or management; instead of those they had");
  verb->add_option("--certificate", sources->certificates,
                   "Name in a certificate that logs in as this user: cn:…, dns:…, uri:…, email:…; "
                   "instead of those they had");
  verb->footer(
      "\nThe first user closes the broker to all who don't log in.\n"
      "Example:\n"
      "  warrenctl user set billing --new-password-file - < secret\n"
      "  warrenctl permission set billing --write '^billing$' --read '^billing'");
  context.OnChosen(verb, [&context, request, sources](client::Connection& connection) {
    if (!sources->password.empty()) {
      auto line = ReadLine(sources->password);
      if (!line.ok()) return line.status();
      request->set_password(*line);
    } else if (!sources->hash.empty()) {
      auto line = ReadLine(sources->hash);
      if (!line.ok()) return line.status();
      request->set_password_hash(*line);
    }
    for (const std::string& tag : sources->tags) request->add_tags(tag);
    for (const std::string& name : sources->certificates) request->add_certificates(name);
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::PutUser, *request);
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, "set", Json{{"name", request->name()}});
    return absl::OkStatus();
  });
}

void AddUserRemove(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("rm", "Delete a user; their streams end");
  auto request = std::make_shared<v1::DeleteUserRequest>();
  verb->add_option("NAME", *request->mutable_name(), "Their name")->required();
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::DeleteUser, *request);
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, "deleted", Json{{"name", request->name()}});
    return absl::OkStatus();
  });
}

void AddPermissionList(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("ls", "List who may do what where");
  auto user = std::make_shared<std::string>();
  verb->add_option("--of", *user, "Only this user's");
  context.OnChosen(verb, [&context, user](client::Connection& connection) {
    client::Admin admin(connection);
    v1::ListUsersRequest request;
    request.set_page_size(kPageSize);
    Json rows = Json::array();
    const absl::Status status = admin.ForEachPage(
        &client::Admin::Stub::ListUsers, request, [&](const v1::ListUsersResponse& page) {
          for (const v1::User& one : page.users()) {
            if (!user->empty() && one.name() != *user) continue;
            for (const auto& [host, may] : one.permissions()) {
              rows.push_back({{"user", one.name()},
                              {"vhost", host},
                              {"configure", may.configure()},
                              {"write", may.write()},
                              {"read", may.read()}});
            }
          }
        });
    if (!status.ok()) return status;
    PrintRows(std::cout, context.format, rows);
    return absl::OkStatus();
  });
}

void AddPermissionSet(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand(
      "set", "Give a user permissions in the virtual host, instead of those they had there");
  auto request = std::make_shared<v1::SetPermissionsRequest>();
  v1::Permissions* may = request->mutable_permissions();
  verb->add_option("USER", *request->mutable_user(), "The user")->required();
  verb->add_option("--configure", *may->mutable_configure(), "Names they may declare and delete")
      ->type_name("RE2");
  verb->add_option("--write", *may->mutable_write(), "Names they may publish and bind to")
      ->type_name("RE2");
  verb->add_option("--read", *may->mutable_read(), "Names they may consume, purge and bind from")
      ->type_name("RE2");
  verb->footer(
      "\nWhat is left out permits nothing. Expressions match anywhere in a name unless anchored.\n"
      "Example:\n  warrenctl permission set billing --write '^billing$' --read '^billing'");
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    request->set_virtual_host(context.virtual_host);
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::SetPermissions, *request);
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, "set",
              Json{{"user", request->user()}, {"vhost", context.virtual_host}});
    return absl::OkStatus();
  });
}

void AddPermissionClear(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("clear", "Keep a user out of the virtual host");
  auto request = std::make_shared<v1::ClearPermissionsRequest>();
  verb->add_option("USER", *request->mutable_user(), "The user")->required();
  context.OnChosen(verb, [&context, request](client::Connection& connection) {
    request->set_virtual_host(context.virtual_host);
    client::Admin admin(connection);
    auto response = admin.Call(&client::Admin::Stub::ClearPermissions, *request);
    if (!response.ok()) return response.status();
    PrintLine(std::cout, context.format, "cleared",
              Json{{"user", request->user()}, {"vhost", context.virtual_host}});
    return absl::OkStatus();
  });
}

}  // namespace

void AddUserCommands(CLI::App& app, Context& context) {
  CLI::App* user = app.add_subcommand("user", "Manage users");
  user->require_subcommand(1);
  AddUserList(user, context);
  AddUserSet(user, context);
  AddUserRemove(user, context);
  CLI::App* permission = app.add_subcommand("permission", "Manage who may do what in a virtual host");
  permission->require_subcommand(1);
  AddPermissionList(permission, context);
  AddPermissionSet(permission, context);
  AddPermissionClear(permission, context);
}

}  // namespace warren::tools
