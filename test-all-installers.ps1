# Tests the installer for Windows, and the one for Linux and macOS where a bash is (WSL, Git).
$ErrorActionPreference = 'Stop'
& (Join-Path $PSScriptRoot 'test-installer-windows.ps1') @args
$failed = $LASTEXITCODE
if (Get-Command bash -ErrorAction SilentlyContinue) {
    Push-Location $PSScriptRoot
    bash ./test-installer-unix.sh
    $failed += $LASTEXITCODE
    Pop-Location
} else {
    Write-Host 'Not run: the installer for Linux and macOS. To enable it: install WSL or Git for Windows.'
}
if ($failed) { exit 1 }
