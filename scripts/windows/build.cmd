@echo off
rem Builds dist\llamagate.exe, which runs on machines without Python, and starts it once to see that it works.
setlocal
call "%~dp0environment.cmd" build .venvs\build
if errorlevel 1 goto failed
"%~dp0..\..\.venvs\build\Scripts\python.exe" "%~dp0..\build.py"
if errorlevel 1 goto failed
"%~dp0..\..\dist\llamagate.exe" selftest
if errorlevel 1 goto failed
if not defined CI pause
exit /b 0

:failed
echo.
echo The build failed. The lines above say why.
if not defined CI pause
exit /b 1
