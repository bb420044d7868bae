# Never run.
{ lib, rustPlatform, fetchzip, installShellFiles }:

rustPlatform.buildRustPackage rec {
  pname = "svctl";
  version = "0.1.0";
  src = fetchzip {
    url = "REPOSITORY/archive/v${version}.tar.gz";
    hash = "SUM";
  };
  cargoLock.lockFile = "${src}/Cargo.lock";
  cargoBuildFlags = [ "-p" "svctl" ];
  # The tests start supervisors as root.
  doCheck = false;

  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    installManPage docs/man/*.[157]
    installShellCompletion --name svctl crates/svctl/src/cmd/complete/svctl.bash
    installShellCompletion --name _svctl crates/svctl/src/cmd/complete/svctl.zsh
    installShellCompletion --name svctl.fish crates/svctl/src/cmd/complete/svctl.fish
  '';

  meta = {
    description = "Control services under runit, s6, daemontools and systemd";
    license = with lib.licenses; [ mit asl20 ];
    platforms = lib.platforms.unix;
    mainProgram = "svctl";
  };
}
